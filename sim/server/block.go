package server

import (
	"cmp"
	"sync"

	"github.com/google/uuid"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// blocks are what juju disable-command has set, by model and type.
type blocks struct {
	mu  sync.Mutex
	set map[string]map[string]Block
}

// Block is one block, as the facade shows it.
type Block struct {
	ID      string `json:"id"`
	Tag     string `json:"tag"`
	Type    string `json:"type"`
	Message string `json:"message"`
}

// blockChange is the type that stops all changes.
const blockChange = "BlockChange"

// change returns the message with which changes are refused.
func (b *blocks) change(modelUUID string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	block, ok := b.set[modelUUID][blockChange]
	return cmp.Or(block.Message, "the operation has been blocked"), ok
}

// SwitchBlock is the parameters of Block.SwitchBlockOn.
type SwitchBlock struct {
	Type    string `json:"type"`
	Message string `json:"message,omitempty"`
}

// SwitchBlockOff is the parameters of Block.SwitchBlockOff.
type SwitchBlockOff struct {
	Type string `json:"type"`
}

// BlockResults is the result of Block.List.
type BlockResults struct {
	Results []BlockResult `json:"results,omitempty"`
}

// BlockResult is one of them.
type BlockResult struct {
	Result Block `json:"result"`
}

var blockMethods = map[string]method{
	"SwitchBlockOn": {need: model.Write, superuser: true, run: typed(func(c *call, p SwitchBlock) (wire.ErrorResult, error) {
		b := c.server.blocks
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.set == nil {
			b.set = map[string]map[string]Block{}
		}
		if b.set[c.model.UUID] == nil {
			b.set[c.model.UUID] = map[string]Block{}
		}
		b.set[c.model.UUID][p.Type] = Block{uuid.NewString(), wire.ModelTag(c.model.UUID), p.Type, p.Message}
		return wire.ErrorResult{}, nil
	})},
	"SwitchBlockOff": {need: model.Write, superuser: true, run: typed(func(c *call, p SwitchBlockOff) (wire.ErrorResult, error) {
		b := c.server.blocks
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.set[c.model.UUID], p.Type)
		return wire.ErrorResult{}, nil
	})},
	"List": {need: model.Read, superuser: true, run: typed(func(c *call, _ struct{}) (BlockResults, error) {
		b := c.server.blocks
		b.mu.Lock()
		defer b.mu.Unlock()
		var results BlockResults
		for _, block := range b.set[c.model.UUID] {
			results.Results = append(results.Results, BlockResult{block})
		}
		return results, nil
	})},
}
