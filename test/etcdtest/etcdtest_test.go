package etcdtest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jujuetcd.io/test/etcdtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// complaints is a test that remembers what it was told instead of failing.
type complaints struct {
	testing.TB
	text []string
}

func (c *complaints) Errorf(format string, args ...any) {
	c.text = append(c.text, fmt.Sprintf(format, args...))
}
func (c *complaints) Helper() {}

func TestTheWriterFindsLostWritesAndGaps(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	heard := &complaints{TB: t}
	writer := etcdtest.StartWriter(heard, cluster.TLS(), cluster.Endpoints())
	etcdtest.Eventually(t, 10*time.Second, "each of its workers has written", func(context.Context) bool {
		return writer.Acknowledged() > 40
	})
	m := cluster.Members[0]
	m.Kill()
	m.Start()
	m.WaitServing()
	client := cluster.Client()
	if _, err := client.Delete(t.Context(), writer.Prefix()+"0-000000"); err != nil {
		t.Fatal(err)
	}
	report := writer.VerifyNoneLost()
	if len(heard.text) != 2 || !strings.Contains(heard.text[0], "0-000000") || !strings.Contains(heard.text[1], "1 of ") {
		t.Errorf("a lost write is told as %q", heard.text)
	}
	if report.LongestGap < 100*time.Millisecond || report.Acknowledged == 0 {
		t.Errorf("the restart of the only member left no gap: %s", report)
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	var members []*etcdtest.Member
	t.Run("a test", func(t *testing.T) {
		cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
		members = cluster.Members
		members[0].Freeze()
	})
	for _, m := range members {
		if m.Running() {
			t.Errorf("%s is still running", m.Name)
		}
	}
}
