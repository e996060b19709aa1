// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"cmp"
	"embed"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed page
var pageFiles embed.FS

//go:embed openapi.json
var openAPI []byte

const apiPrefix = "/api/v1/"

// respond answers a request, or returns why it does not.
type respond func(w http.ResponseWriter, r *http.Request) error

// routes are the calls of the API: path below apiPrefix, then method.
func (i *inspector) routes(g *guard) map[string]map[string]respond {
	return map[string]map[string]respond{
		"inspector":        {http.MethodGet: i.getInspector},
		"inputs":           {http.MethodGet: i.getInputs},
		"jobs":             {http.MethodGet: i.getJobs, http.MethodPost: after(g.change, i.postJobs)},
		"jobs/{id}":        {http.MethodGet: i.getJob},
		"jobs/{id}/cancel": {http.MethodPost: after(g.change, i.postCancel)},
		"logs":             {http.MethodGet: i.getLogs},
		"findings":         {http.MethodGet: i.getFindings},
		"series":           {http.MethodGet: i.getSeries},
		"capture":          {http.MethodGet: after(g.capture, i.getCapture)},
		"top":              {http.MethodGet: after(g.capture, i.getTop)},
		"openapi.json":     {http.MethodGet: getOpenAPI},
	}
}

// after answers requests that a check lets through.
func after(check func(*http.Request) error, next respond) respond {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := check(r); err != nil {
			return err
		}
		return next(w, r)
	}
}

// handler answers all requests.
func (i *inspector) handler(g *guard) http.Handler {
	mux := http.NewServeMux()
	for path, methods := range i.routes(g) {
		mux.Handle(apiPrefix+path, methodsHandler(methods))
	}
	mux.Handle("/api/", handle(func(http.ResponseWriter, *http.Request) error {
		return notFound("unknown_call", "there is no such call; "+apiPrefix+"openapi.json lists them")
	}))
	mux.Handle("/", servePage())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if err := cmp.Or(g.host(r), g.site(r)); err != nil {
			writeError(w, err)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func handle(next respond) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := next(w, r); err != nil {
			writeError(w, err)
		}
	})
}

// methodsHandler answers the methods of one path.
func methodsHandler(methods map[string]respond) http.Handler {
	allowed := allowedMethods(methods)
	return handle(func(w http.ResponseWriter, r *http.Request) error {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		next, known := methods[method]
		if !known {
			w.Header().Set("Allow", allowed)
			return &apiError{http.StatusMethodNotAllowed, "method", "only " + allowed + " is possible here"}
		}
		return next(w, r)
	})
}

func allowedMethods(methods map[string]respond) string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if methods[method] != nil {
			allowed = append(allowed, method)
		}
	}
	return strings.Join(allowed, ", ")
}

// servePage serves the files of the page. They change with the binary only, which a browser cannot know, so it asks each time.
func servePage() http.Handler {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the path is a constant
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", http.MethodGet)
			writeError(w, &apiError{http.StatusMethodNotAllowed, "method", "only GET is possible here"})
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		if info, err := fs.Stat(files, strings.TrimSuffix(name, "/")); name != "" && (err != nil || info.IsDir()) {
			writeError(w, notFound("unknown_file", "there is no such file"))
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		if strings.HasSuffix(name, ".js") {
			// On some machines the system has another type for it, and browsers insist on this one.
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		}
		server.ServeHTTP(w, r)
	})
}

func getOpenAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // the client may have left
	return nil
}
