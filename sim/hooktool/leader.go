package hooktool

func leaderGet(c *Context, f flags) ([]byte, error) {
	settings, err := c.Model.LeaderSettings(c.Unit)
	if err != nil {
		return nil, err
	}
	key := f.word(0)
	if key == "" || key == "-" {
		if settings == nil {
			settings = map[string]string{}
		}
		return f.print(settings)
	}
	if value, there := settings[key]; there {
		return f.print(value)
	}
	return f.print(nil)
}

func leaderSet(c *Context, f flags) ([]byte, error) {
	pairs, err := f.pairs(f.words)
	if err != nil {
		return nil, err
	}
	return nil, c.Model.SetLeaderSettings(c.Unit, pairs)
}
