// Package prometheus runs a real Prometheus on a configuration, and asks it.
//
//	server, err := prometheus.Start(ctx, dir, config)
//	defer server.Close()
//	samples, err := server.Query(ctx, `sum(up)`)
//
// The program is the one on PATH, or the one that test/install-tools.sh took out of Debian's package into the user's cache.
package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Program is the path of prometheus or promtool.
func Program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find %s: %w", name, err)
	}
	path := filepath.Join(cache, "jujuetcd", "prometheus", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("cannot find %s: run test/install-tools.sh first", name)
	}
	return path, nil
}

// Server is a Prometheus that runs.
type Server struct {
	// URL is where it answers.
	URL string

	cmd  *exec.Cmd
	done chan struct{}
	log  *os.File
}

// patience is how long a server may take until it answers, on a loaded machine.
const patience = time.Minute

// Start runs Prometheus with its data below dir, on a loopback address of its own, and waits until it answers. The caller closes
// it; it dies with this process, too.
func Start(ctx context.Context, dir, config string) (*Server, error) {
	program, err := Program("prometheus")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot find a port for Prometheus: %w", err)
	}
	address := l.Addr().String()
	_ = l.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot start Prometheus: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, fmt.Errorf("cannot start Prometheus: %w", err)
	}
	s := &Server{URL: "http://" + address, done: make(chan struct{}), log: log}
	s.cmd = exec.Command(program, "--config.file="+config, "--web.listen-address="+address,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--log.level=warn")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start Prometheus: %w", err), log.Close())
	}
	go func() { defer close(s.done); _ = s.cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := s.get(ctx, "/-/ready", nil, nil); err == nil {
			return s, nil
		}
		select {
		case <-tick.C:
		case <-s.done:
			text, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("cannot start Prometheus: it has ended: %s", text)
		case <-ctx.Done():
			s.Close()
			return nil, fmt.Errorf("cannot start Prometheus: it does not answer: %w", ctx.Err())
		}
	}
}

// Close ends the server.
func (s *Server) Close() {
	_ = s.cmd.Process.Kill()
	<-s.done
	_ = s.log.Close()
}

// Sample is one answer to a query.
type Sample struct {
	Labels map[string]string
	Points []Point
}

// Point is a value at a time.
type Point struct {
	At    float64 // seconds of Unix time
	Value float64
}

// Query asks for an expression's value now.
func (s *Server) Query(ctx context.Context, expr string) ([]Sample, error) {
	return s.ask(ctx, "/api/v1/query", url.Values{"query": {expr}})
}

// QueryRange asks for an expression's values between two times.
func (s *Server) QueryRange(ctx context.Context, expr string, from, to time.Time, step time.Duration) ([]Sample, error) {
	return s.ask(ctx, "/api/v1/query_range", url.Values{
		"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

func (s *Server) ask(ctx context.Context, path string, values url.Values) ([]Sample, error) {
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string
				Value  *rawPoint
				Values []rawPoint
			}
		}
	}
	if err := s.get(ctx, path, values, &answer); err != nil {
		return nil, fmt.Errorf("cannot ask Prometheus for %s: %w", values.Get("query"), err)
	}
	var samples []Sample
	for _, r := range answer.Data.Result {
		sample := Sample{Labels: r.Metric}
		if r.Value != nil {
			r.Values = append(r.Values, *r.Value)
		}
		for _, raw := range r.Values {
			point, err := raw.point()
			if err != nil {
				return nil, err
			}
			sample.Points = append(sample.Points, point)
		}
		samples = append(samples, sample)
	}
	return samples, nil
}

// rawPoint is a time and a value as text, as Prometheus writes them.
type rawPoint [2]any

func (r rawPoint) point() (Point, error) {
	at, ok := r[0].(float64)
	text, isText := r[1].(string)
	if !ok || !isText {
		return Point{}, fmt.Errorf("cannot read Prometheus' answer: %v", r)
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Point{}, fmt.Errorf("cannot read Prometheus' answer: %w", err)
	}
	return Point{At: at, Value: value}, nil
}

// Target is what Prometheus says of one of its targets.
type Target struct {
	Labels    map[string]string
	Health    string
	LastError string
}

// Targets are those that it scrapes.
func (s *Server) Targets(ctx context.Context) ([]Target, error) {
	var answer struct {
		Data struct{ ActiveTargets []Target }
	}
	if err := s.get(ctx, "/api/v1/targets", nil, &answer); err != nil {
		return nil, fmt.Errorf("cannot ask Prometheus for its targets: %w", err)
	}
	return answer.Data.ActiveTargets, nil
}

func (s *Server) get(ctx context.Context, path string, values url.Values, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path+"?"+values.Encode(), nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}
