package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
)

//go:embed assets
var embedded embed.FS

// served are the files that browsers may ask for, with their types.
var served = map[string]string{
	"app.js":    "text/javascript; charset=utf-8",
	"style.css": "text/css; charset=utf-8",
	"icon.svg":  "image/svg+xml",
}

// assets holds the files of the page. Each has a version made of its content,
// which pages put into the address: browsers may keep it for ever.
type assets struct {
	body    map[string][]byte
	version map[string]string
}

// loadAssets reads the files once; they are part of the binary.
func loadAssets() *assets {
	a := &assets{body: make(map[string][]byte), version: make(map[string]string)}
	for name := range served {
		body, err := fs.ReadFile(embedded, "assets/"+name)
		if err != nil {
			panic(err) // the file is missing from the build
		}
		sum := sha256.Sum256(body)
		a.body[name], a.version[name] = body, hex.EncodeToString(sum[:6])
	}
	return a
}

// url returns where browsers find the file name as it is in this build.
func (a *assets) url(name string) string { return "/assets/" + name + "?v=" + a.version[name] }

// serve answers one file. Only under the address of its version may a browser
// keep it: after an update the page names another one.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	body, ok := a.body[name]
	if !ok {
		newProblem(http.StatusNotFound, "no_such_page", "there is no file "+name, "").write(w)
		return
	}
	w.Header().Set("Content-Type", served[name])
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == a.version[name] {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// pages returns the templates; they point browsers to the files by url.
func (a *assets) pages() *template.Template {
	t := template.New("pages").Funcs(template.FuncMap{"asset": a.url})
	return template.Must(t.ParseFS(embedded, "assets/*.tmpl"))
}
