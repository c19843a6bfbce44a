// Command dashboard draws the Grafana dashboard of etcd from its definition, with real data, for the documentation: where there
// is no Grafana, this is what it would show.
//
//	go run ./test/dashboard -out docs/explanation/dashboard.png
//
// It runs a cluster of three real members with clients, has a real Prometheus scrape it for some minutes, in which a member is
// stopped for a while, asks Prometheus for each panel's expressions, draws the panels at their places as HTML with SVG, and has a
// headless Chromium make the picture. All of that it ends and removes again.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"jujuetcd.io/deploy/dashboards"
	"jujuetcd.io/test/prometheus"
)

func main() {
	out := flag.String("out", "docs/explanation/dashboard.png", "the picture; a name that ends in .html keeps the page instead")
	last := flag.Duration("for", 330*time.Second, "how long the cluster is watched")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *out, *last)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out string, last time.Duration) error {
	dir, err := os.MkdirTemp("", "dashboard-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWorld(ctx, dir)
	if err != nil {
		return err
	}
	defer w.close()
	server, err := prometheus.Start(ctx, filepath.Join(dir, "prometheus"), w.config)
	if err != nil {
		return err
	}
	defer server.Close()
	began := time.Now()
	if err := w.live(ctx, last); err != nil {
		return err
	}
	page, err := draw(ctx, server, began, time.Now())
	if err != nil {
		return err
	}
	if filepath.Ext(out) == ".html" {
		return os.WriteFile(out, page, 0o644)
	}
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, page, 0o644); err != nil {
		return err
	}
	return photograph(ctx, file, out)
}

// photograph has Chromium make a picture of a page.
func photograph(ctx context.Context, page, out string) error {
	board, err := dashboards.Panels()
	if err != nil {
		return err
	}
	target, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
		"--user-data-dir="+filepath.Dir(page)+"/chromium", "--screenshot="+target,
		fmt.Sprintf("--window-size=%d,%d", pageWidth, pageHeight(board)), "file://"+page)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make the picture: %w\n%s", err, text)
	}
	if err := shrink(target); err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil {
		return fmt.Errorf("cannot make the picture: %w", err)
	}
	fmt.Printf("%s: %d kB\n", out, info.Size()/1000)
	return nil
}
