package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.yaml.in/yaml/v4"
)

// What deploy has for Prometheus and Grafana works with the real Prometheus and a node
// under load: each query of the dashboard finds something, each alert can be asked.
func TestPrometheusSeesANode(t *testing.T) {
	t.Parallel()
	at := site{dir: t.TempDir()}
	secret := furnishDurably(t, at)
	node := startServerAt(t, at, durable...)
	var answered atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() { useEverything(node, secret, &answered, stop) })
	defer load.Wait()
	defer close(stop)

	watch := startPrometheus(t, strings.TrimPrefix(node.AdminURL, "http://"))
	node.machineToken(node.addMachine())
	status, body := node.get(node.URL+"/users/me", "")
	if status != http.StatusUnauthorized {
		t.Fatalf("without a token: got %d %s", status, body)
	}
	for _, q := range dashboardQueries(t) {
		// Two scrapes are needed for a rate, and an event before them for some.
		eventually(t, q, func() (bool, string) {
			found := watch.query(q)
			return len(found) > 0 || mayBeEmpty(q), "nothing"
		})
	}
	for name, expr := range alertRules(t) {
		watch.query(expr)
		if name != "UsherDown" {
			continue
		}
		watch.wants("UsherDown", false)
	}
}

// An alert fires where what it tells of happens.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	at := site{dir: t.TempDir()}
	furnishDurably(t, at)
	node := startServerAt(t, at, durable...)
	watch := startPrometheus(t, strings.TrimPrefix(node.AdminURL, "http://"))
	refresh := func(token string) (status int, next tokens) {
		status, body := node.post("/token", "", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
		decode(t, body, &next)
		return status, next
	}
	for range 7 { // sessions of which the oldest token comes again
		first := node.login("web", "ann", annsPassword)
		_, second := refresh(first.RefreshToken)
		refresh(second.RefreshToken)
		if status, _ := refresh(first.RefreshToken); status != http.StatusBadRequest {
			t.Fatalf("a used token: got %d", status)
		}
	}
	watch.wants("UsherRefreshTokenReuse", true)
	watch.wants("UsherDown", false)
	node.Kill()
	watch.wants("UsherDown", true)
}

// mayBeEmpty are queries for what a healthy node has none of.
func mayBeEmpty(query string) bool {
	return strings.Contains(query, "next_step") || strings.Contains(query, "usher_throttled_total") || strings.Contains(query, "5xx")
}

// prometheus is a server of a test's own, which looks often.
type prometheus struct {
	t   *testing.T
	url string
}

var intervals = regexp.MustCompile(`\[\d+[mh]\]`)

// startPrometheus watches one node by the files of deploy, but with what takes minutes
// there taking seconds.
func startPrometheus(t *testing.T, target string) prometheus {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"prometheus.yml", "alerts.yml"} {
		text := strings.NewReplacer("127.0.0.1:8001", target, "interval: 15s", "interval: 200ms").Replace(readPage(t, "deploy/prometheus/"+name))
		text = regexp.MustCompile(`\n +for: .*`).ReplaceAllString(intervals.ReplaceAllString(text, "[5s]"), "")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := prometheus{t, "http://" + freeAddress(t)}
	cmd := exec.Command("prometheus", "--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path", filepath.Join(dir, "data"),
		"--web.listen-address", strings.TrimPrefix(p.url, "http://"), "--log.level", "warn")
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("log of Prometheus:\n%s", &out)
		}
	})
	eventually(t, "Prometheus has scraped the node", func() (bool, string) {
		found, err := p.ask(`up == 1`)
		return err == nil && len(found) == 1, fmt.Sprint(found, err)
	})
	return p
}

// wants waits until an alert fires, or demands that it does not.
func (p prometheus) wants(alert string, firing bool) {
	p.t.Helper()
	query := fmt.Sprintf("ALERTS{alertname=%q,alertstate=\"firing\"}", alert)
	if !firing {
		if found := p.query(query); len(found) > 0 {
			p.t.Errorf("%s fires: %v", alert, found)
		}
		return
	}
	eventually(p.t, alert+" fires", func() (bool, string) { return len(p.query(query)) > 0, "no alert" })
}

func (p prometheus) query(expr string) []any {
	p.t.Helper()
	found, err := p.ask(expr)
	if err != nil {
		p.t.Fatalf("%s: %v", expr, err)
	}
	return found
}

func (p prometheus) ask(expr string) ([]any, error) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(p.t.Context()), http.MethodGet, p.url+"/api/v1/query?query="+url.QueryEscape(expr), nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []any }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s", answer.Error)
	}
	return answer.Data.Result, nil
}

// dashboardQueries are those of the Grafana dashboard, with its variables filled in.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	decode(t, readPage(t, "deploy/grafana/usher.json"), &dashboard)
	var queries []string
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries = append(queries, strings.NewReplacer("$instance", ".*", "$__rate_interval", "5s").Replace(target.Expr))
		}
	}
	if len(queries) < 20 {
		t.Fatalf("got %d queries in the dashboard, want more", len(queries))
	}
	return queries
}

// alertRules are the expressions of the alerts by name.
func alertRules(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal([]byte(readPage(t, "deploy/prometheus/alerts.yml")), &file); err != nil {
		t.Fatal(err)
	}
	rules := make(map[string]string)
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			rules[rule.Alert] = rule.Expr
		}
	}
	return rules
}

// promtool finds nothing to say of the rules, their tests, and the metrics.
func TestPromtool(t *testing.T) {
	t.Parallel()
	run := func(stdin string, args ...string) {
		t.Helper()
		cmd := exec.Command("promtool", args...)
		cmd.Dir, cmd.Stdin = "../../deploy/prometheus", strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("", "check", "config", "prometheus.yml")
	run("", "test", "rules", "alerts.test.yml")
	s := startServer(t, "serve")
	_, exposed := s.get(s.AdminURL+"/metrics", "")
	run(exposed, "check", "metrics")
}

var metricName = regexp.MustCompile(`\busher_[a-z_]+`)

// The page on operating says of each metric and each alert what it means.
func TestMetricsAndAlertsAreExplained(t *testing.T) {
	t.Parallel()
	s := startServer(t, "demo")
	s.get(s.URL+"/users/me", "")
	_, exposed := s.get(s.AdminURL+"/metrics", "")
	page := readPage(t, "docs/operating.md")
	there := make(map[string]bool)
	for line := range strings.Lines(exposed) {
		if name, ok := strings.CutPrefix(line, "# TYPE usher_"); ok {
			name, _, _ = strings.Cut(name, " ")
			there["usher_"+name] = true
			if !strings.Contains(page, "`usher_"+name+"`") {
				t.Errorf("docs/operating.md does not explain usher_%s", name)
			}
		}
	}
	for _, name := range metricName.FindAllString(page, -1) {
		if bare := strings.TrimSuffix(name, "_bucket"); !there[bare] && !emptyAtFirst[bare] && strings.HasSuffix(bare, "_total") {
			t.Errorf("docs/operating.md names %s, which a server does not have", name)
		}
	}
	for alert, expr := range alertRules(t) {
		if !strings.Contains(page, "| `"+alert+"` |") {
			t.Errorf("docs/operating.md does not say what to do about %s", alert)
		}
		for _, name := range metricName.FindAllString(expr, -1) {
			if bare := strings.TrimSuffix(name, "_bucket"); !there[bare] && !emptyAtFirst[bare] {
				t.Errorf("alert %s asks for %s, which a server does not have", alert, name)
			}
		}
	}
}

// emptyAtFirst are metrics that a server without logins does not show yet.
var emptyAtFirst = map[string]bool{"usher_tokens_issued_total": true}
