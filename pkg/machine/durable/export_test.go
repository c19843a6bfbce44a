package durable

// OnStep has f told of every single act of the disk's sets, when it has been done; what is on disk then is what a kill there leaves.
func (d *Disk) OnStep(f func(what, name string)) { d.step = f }
