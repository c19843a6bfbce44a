package wire

import "time"

// Actions is the parameters of Action.EnqueueOperation.
type Actions struct {
	Actions []Action `json:"actions,omitempty"`
}

// Action is an action to run, or one that was. In requests a receiver is a unit's tag or "etcd/leader"; in the reply of
// EnqueueOperation on 4.0 the name is "" and ExecutionGroup is absent.
type Action struct {
	Tag            string         `json:"tag"`
	Receiver       string         `json:"receiver"`
	Name           string         `json:"name"`
	Parameters     map[string]any `json:"parameters,omitempty"`
	Parallel       *bool          `json:"parallel,omitempty"`
	ExecutionGroup *string        `json:"execution-group,omitempty"`
}

// EnqueuedActions is the result of EnqueueOperation, its actions in the order in which they were asked for.
type EnqueuedActions struct {
	OperationTag string         `json:"operation"`
	Actions      []ActionResult `json:"actions,omitempty"`
}

// ActionResults is the result of Action.Actions and Action.Cancel.
type ActionResults struct {
	Results []ActionResult `json:"results,omitempty"`
}

// ActionResult is a task. Times that have not come are the zero time; on 4.0 Completed never comes.
type ActionResult struct {
	Action    *Action         `json:"action,omitempty"`
	Enqueued  time.Time       `json:"enqueued"`
	Started   time.Time       `json:"started"`
	Completed time.Time       `json:"completed"`
	Status    string          `json:"status,omitempty"`
	Message   string          `json:"message,omitempty"`
	Log       []ActionMessage `json:"log,omitempty"`
	Output    map[string]any  `json:"output,omitempty"`
	Error     *Error          `json:"error,omitempty"`
}

// ActionMessage is a line of a task's log.
type ActionMessage struct {
	Timestamp time.Time `json:"timestamp"`
	Message   string    `json:"message"`
}

// OperationQueryArgs is the parameters of Action.ListOperations. Names are bare: "etcd", "etcd/0".
type OperationQueryArgs struct {
	Applications []string `json:"applications,omitempty"`
	Units        []string `json:"units,omitempty"`
	Machines     []string `json:"machines,omitempty"`
	ActionNames  []string `json:"actions,omitempty"`
	Status       []string `json:"status,omitempty"`
	Offset       *int     `json:"offset,omitempty"`
	Limit        *int     `json:"limit,omitempty"`
}

// OperationResults is the result of ListOperations; an empty object when nothing matches.
type OperationResults struct {
	Results   []OperationResult `json:"results,omitempty"`
	Truncated bool              `json:"truncated,omitempty"`
}

// OperationResult is an operation and its tasks, without their output.
type OperationResult struct {
	OperationTag string         `json:"operation"`
	Summary      string         `json:"summary"`
	Fail         string         `json:"fail,omitempty"`
	Enqueued     time.Time      `json:"enqueued"`
	Started      time.Time      `json:"started"`
	Completed    time.Time      `json:"completed"`
	Status       string         `json:"status,omitempty"`
	Actions      []ActionResult `json:"actions,omitempty"`
	Error        *Error         `json:"error,omitempty"`
}
