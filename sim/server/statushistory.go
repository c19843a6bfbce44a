package server

import (
	"jujuetcd.io/pkg/jujuapi/wire"
)

// historyRequests is the parameters of StatusHistory.
type historyRequests struct {
	Requests []struct {
		Kind   string `json:"historyKind"`
		Size   int    `json:"size"`
		Filter struct {
			Size int `json:"size"`
		} `json:"filter"`
		Tag string `json:"tag"`
	} `json:"requests"`
}

type historyResults struct {
	Results []historyResult `json:"results"`
}

type historyResult struct {
	History struct {
		Statuses []wire.DetailedStatus `json:"statuses"`
	} `json:"history"`
	Error *wire.Error `json:"error,omitempty"`
}

func statusHistory(c *call, params historyRequests) (historyResults, error) {
	if len(params.Requests) != 1 {
		return historyResults{}, failure(wire.CodeBadRequest, "expected one history request")
	}
	r := params.Requests[0]
	unit, ok := wire.UnitName(r.Tag)
	if !ok {
		return historyResults{}, failure("", quote(r.Tag)+" is not a valid unit tag")
	}
	entries, err := c.model.StatusHistory(unit, r.Kind, max(r.Size, r.Filter.Size))
	var result historyResult
	result.Error = inner(err)
	for _, e := range entries {
		status := detailed(e, nil)
		status.Kind = e.Kind
		result.History.Statuses = append(result.History.Statuses, status)
	}
	return historyResults{Results: []historyResult{result}}, nil
}
