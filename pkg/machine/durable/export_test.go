package durable

// OnStep has f called after every single act of the disk's sets; what is on disk then is what a
// kill there leaves.
func (d *Disk) OnStep(f func(what, name string)) { d.step = f }
