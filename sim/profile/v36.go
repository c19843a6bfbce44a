package profile

// V36 is Juju 3.6, by its schemas and source. Its facades are those that a client uses.
var V36 = Profile{
	Name:    "3.6",
	Version: "3.6.28",

	DefaultParameters: true,
	EarlyValidation:   true,
	PrivateAddress:    true,
	TaskDetails:       true,
	ParallelTasks:     true,
	OperationOutput:   true,
	LeaderSettings:    true,
	Globs:             true,
	Meters:            true,
	RelatedData:       true,
	QuotesNames:       true,
	ConfigYAML:        true,
	MarksCrossModel:   true,

	ControllerFacades: map[string][]int{
		"AllModelWatcher":     {4},
		"Controller":          {11, 12},
		"ModelConfig":         {3},
		"ModelManager":        {9, 10},
		"ModelSummaryWatcher": {1},
		"NotifyWatcher":       {1},
		"Pinger":              {1},
		"UserManager":         {3},
	},
	ModelFacades: map[string][]int{
		"Action":         {7},
		"AllWatcher":     {3},
		"Annotations":    {2},
		"Application":    {15, 16, 17, 18, 19, 20, 21, 22},
		"Block":          {2},
		"Charms":         {5, 6, 7},
		"Client":         {6, 7, 8},
		"MachineManager": {9, 10},
		"ModelConfig":    {3},
		"NotifyWatcher":  {1},
		"Pinger":         {1},
		"Resources":      {3},
		"Secrets":        {1, 2},
		"Storage":        {6, 7},
		"StringsWatcher": {1},
	},
}
