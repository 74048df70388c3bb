package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/swaggest/swgui/v5/static"
)

// chromium starts one browser for a test and all its tabs.
func chromium(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // root can't have one
		chromedp.WindowSize(1280, 1100),
		chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return ctx
}

// tab is a page of Swagger UI.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	faults []string // what the browser complains of
}

// openTab opens a page in a tab of its own.
func openTab(t *testing.T, browser context.Context, url string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	p := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		if t.Failed() {
			p.photograph("failed")
		}
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	err := chromedp.Listen(ctx, func(event any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch e := event.(type) {
		case *cdplog.EventEntryAdded:
			if e.Entry.Source == cdplog.EntrySourceRecommendation {
				return // of how forms might be marked up
			}
			p.faults = append(p.faults, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		case *runtime.EventExceptionThrown:
			p.faults = append(p.faults, e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatalf("listening to the browser: %v", err)
	}
	p.run("opening "+url, chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS("#operations-user-getMe")))
	return p
}

func (p *tab) run(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, strings.Join(p.complaints(), "\n"))
	}
}

// read returns the text of an element, once that can be seen.
func (p *tab) read(element string) string {
	p.t.Helper()
	p.run("waiting for "+element, chromedp.WaitVisible(chromedp.CSS(element)))
	text, err := chromedp.Run(p.ctx, chromedp.Text(chromedp.CSS(element)))
	if err != nil {
		p.t.Fatalf("reading %s: %v", element, err)
	}
	return text
}

// complaints are what the browser found wrong so far: a blocked script, a style
// against the policy, a request that failed.
func (p *tab) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.faults...)
}

// photograph keeps a picture of the page where USHER_TEST_SCREENSHOTS names a
// folder, for people to look at.
func (p *tab) photograph(name string) {
	dir := os.Getenv("USHER_TEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Logf("no picture of %s: %v", name, err)
		return
	}
	file := filepath.Join(dir, strings.NewReplacer("/", "-", " ", "-").Replace(p.t.Name()+" "+name)+".png")
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		p.t.Log(err)
	}
}

// dialog is what a person fills in after Authorize.
type dialog struct {
	username, password string // of the password flow; client credentials without
	in                 string // where the client goes: "", "basic" or "request-body"
	id, secret         string
}

// authorize fills in the dialog and presses its button.
func (p *tab) authorize(d dialog) {
	p.t.Helper()
	flow := "password"
	if d.username == "" {
		flow = "clientCredentials"
	}
	id, secret := "#client_id_"+flow, "#client_secret_"+flow
	p.run("opening the dialog",
		press(".btn.authorize"),
		chromedp.WaitVisible(chromedp.CSS(id)))
	if flow == "password" {
		p.run("typing the password",
			chromedp.SendKeys(chromedp.CSS("#oauth_username"), d.username),
			chromedp.SendKeys(chromedp.CSS("#oauth_password"), d.password))
	}
	if d.in == "request-body" {
		p.run("choosing the body for the client",
			chromedp.Focus(chromedp.CSS("#password_type")),
			chromedp.SendKeys(chromedp.CSS("#password_type"), kb.ArrowDown))
	}
	if d.id != "" {
		p.run("typing the client id", chromedp.SendKeys(chromedp.CSS(id), d.id))
	}
	if d.secret != "" {
		p.run("typing the client secret", chromedp.SendKeys(chromedp.CSS(secret), d.secret))
	}
	p.photograph("dialog")
	// The form that holds this flow's client id has its own button.
	p.run("pressing Authorize", press(`.auth-container:has(`+id+`) .auth-btn-wrapper .authorize`))
}

// press clicks an element once it can be seen. It goes by the element and not by
// its place, which on a busy machine has moved until the click arrives.
func press(element string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(
		chromedp.WaitVisible(chromedp.CSS(element)),
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).click()`, element)))
}

// logsIn expects the dialog to have worked, and every lock of the user's
// operations closed.
func (p *tab) logsIn() {
	p.t.Helper()
	p.run("logging in",
		chromedp.WaitVisible(`//button[contains(@class,"auth") and normalize-space()="Logout"]`),
		press(".btn-done"),
		chromedp.WaitNotPresent(chromedp.CSS(".dialog-ux")),
		chromedp.WaitVisible(chromedp.CSS(".auth-wrapper .authorize.locked")))
}

// tries executes an operation and returns what the page shows as its answer.
func (p *tab) tries(operation string) (answer string) {
	p.t.Helper()
	section := "#operations-" + operation
	p.run("trying "+operation,
		press(section+" .opblock-summary-control"),
		// Swagger UI looks references up when an operation opens, and never sends what
		// is executed before: no person is as quick. The text of a 401 is behind one.
		chromedp.WaitVisible(chromedp.CSS(section+` tr[data-code="401"] .renderedMarkdown p`)),
		press(section+" .execute"),
		chromedp.WaitVisible(chromedp.CSS(section+" .live-responses-table .response-col_status")))
	answer = p.read(section + " .live-responses-table")
	p.photograph(operation)
	return answer
}

// The page packaged with usher, as a person uses it who has nothing but the
// address.
func TestSwaggerUILogsInAndTriesTheAPI(t *testing.T) {
	t.Parallel()
	s := startServer(t, "demo", "--database", "sqlite:usher.db")
	s.usher("client", "add", "app", "--grants", "password,refresh_token,client_credentials")
	secret := strings.TrimSpace(s.usher("client", "rotate-secret", "app"))
	browser := chromium(t)
	for _, c := range []struct {
		name string
		dialog
	}{
		{"no client", dialog{username: "johndoe", password: "secret"}},
		{"no client, in the body", dialog{username: "johndoe", password: "secret", in: "request-body"}},
		{"a client id", dialog{username: "johndoe", password: "secret", id: "demo"}},
		{"a client id, in the body", dialog{username: "johndoe", password: "secret", in: "request-body", id: "demo"}},
		{"id and secret in the header", dialog{username: "johndoe", password: "secret", id: "app", secret: secret}},
		{"id and secret in the body", dialog{username: "johndoe", password: "secret", in: "request-body", id: "app", secret: secret}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := openTab(t, browser, s.URL+"/docs")
			p.photograph("page")
			p.authorize(c.dialog)
			p.logsIn()
			if answer := p.tries("user-getMe"); !strings.Contains(answer, "John Doe") {
				t.Errorf("/users/me: the page shows %q, want John Doe", answer)
			}
			if found := p.complaints(); len(found) > 0 {
				t.Errorf("the browser complains:\n%s", strings.Join(found, "\n"))
			}
		})
	}
	t.Run("client credentials", func(t *testing.T) {
		p := openTab(t, browser, s.URL+"/docs")
		p.authorize(dialog{id: "app", secret: secret})
		p.logsIn()
		if answer := p.tries("resources-getProtected"); !strings.Contains(answer, "Hello, authenticated user!") {
			t.Errorf("/protected: the page shows %q", answer)
		}
	})
	t.Run("a wrong password", func(t *testing.T) {
		p := openTab(t, browser, s.URL+"/docs")
		p.authorize(dialog{username: "johndoe", password: "guess"})
		shown := p.read(".auth-container .errors")
		p.photograph("refused")
		if !strings.Contains(shown, "Incorrect username or password") {
			t.Errorf("the dialog shows %q, want our error_description", shown)
		}
	})
}

// Somebody's own Swagger UI, on another origin, that was given our document.
func TestSwaggerUIOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	var document string // known once usher listens, which has to know this origin before
	var mu sync.Mutex
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/" {
			fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><link rel="stylesheet" href="swagger-ui.css"><div id="ui"></div>
<script src="swagger-ui-bundle.js"></script><script>SwaggerUIBundle({dom_id: "#ui", url: %q, tryItOutEnabled: true})</script>`, document)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		if strings.HasSuffix(r.URL.Path, ".css") {
			w.Header().Set("Content-Type", "text/css")
		}
		file, err := static.FS.ReadFile(strings.TrimPrefix(r.URL.Path, "/") + ".gz")
		if err != nil {
			t.Error(err)
		}
		w.Write(file)
	}))
	defer site.Close()
	s := startServer(t, "demo", "--cors-origins", site.URL)
	mu.Lock()
	document = s.URL + "/openapi.json"
	mu.Unlock()
	browser := chromium(t)

	p := openTab(t, browser, site.URL)
	p.authorize(dialog{username: "johndoe", password: "secret"})
	p.logsIn()
	if answer := p.tries("user-getMe"); !strings.Contains(answer, "John Doe") {
		t.Errorf("/users/me: the page shows %q, want John Doe", answer)
	}
	if found := p.complaints(); len(found) > 0 {
		t.Errorf("the browser complains:\n%s", strings.Join(found, "\n"))
	}

	refused := openTab(t, browser, site.URL)
	refused.authorize(dialog{username: "johndoe", password: "guess"})
	shown := refused.read(".auth-container .errors")
	if !strings.Contains(shown, "Incorrect username or password") {
		t.Errorf("the dialog shows %q, want our error_description", shown)
	}
}
