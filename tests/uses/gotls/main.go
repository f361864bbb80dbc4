// A server of the kind that is built without C: what it needs beside itself are data files of the system.
package main

import (
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, value)
}

// at tells a fixed summer time in a zone, and the same moment in the local zone.
func at(w http.ResponseWriter, r *http.Request) {
	zone, err := time.LoadLocation(r.FormValue("zone"))
	if err != nil {
		answer(w, nil, err)
		return
	}
	moment := time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC)
	answer(w, moment.In(zone).Format(time.RFC1123)+" local "+moment.Local().Format("15:04 MST"), nil)
}

func fetch(w http.ResponseWriter, r *http.Request) {
	client := http.Client{Timeout: 5 * time.Second}
	got, err := client.Get(r.FormValue("url"))
	if err != nil {
		answer(w, nil, err)
		return
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, 200))
	answer(w, got.Status+" "+string(body), err)
}

func pool(w http.ResponseWriter, _ *http.Request) {
	certificates, err := x509.SystemCertPool()
	if err != nil {
		answer(w, nil, err)
		return
	}
	//lint:ignore SA1019 the number is what is asked for
	answer(w, len(certificates.Subjects()), nil)
}

// page parses the template at each request, as a server in development does.
func page(w http.ResponseWriter, r *http.Request) {
	name := filepath.Base(r.URL.Path)
	directory := os.Getenv("TEMPLATES")
	parsed, err := template.ParseFiles(filepath.Join(directory, "layout.html"), filepath.Join(directory, name+".html"))
	if err == nil {
		err = parsed.Execute(w, map[string]any{"Name": r.FormValue("name"), "Items": []int{1, 2, 3}})
	}
	if err != nil {
		answer(w, nil, err)
	}
}

func account(w http.ResponseWriter, r *http.Request) {
	found, err := user.Lookup(r.FormValue("name"))
	if r.FormValue("name") == "" {
		found, err = user.Current()
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	answer(w, fmt.Sprintf("%s %s %s %s", found.Username, found.Uid, found.HomeDir, found.Name), nil)
}

func group(w http.ResponseWriter, r *http.Request) {
	found, err := user.LookupGroup(r.FormValue("name"))
	if err != nil {
		answer(w, nil, err)
		return
	}
	answer(w, found.Gid, nil)
}

func upload(w http.ResponseWriter, r *http.Request) {
	// A small limit of memory: the rest goes to a temporary file.
	if err := r.ParseMultipartForm(1 << 10); err != nil {
		answer(w, nil, err)
		return
	}
	file, header, err := r.FormFile("f")
	if err != nil {
		answer(w, nil, err)
		return
	}
	defer file.Close()
	size, err := io.Copy(io.Discard, file)
	answer(w, fmt.Sprintf("%s %d", header.Filename, size), err)
}

func squeezed(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	out := gzip.NewWriter(w)
	defer out.Close()
	_ = json.NewEncoder(out).Encode(map[string]string{"long": strings.Repeat("é", 50)})
}

func health() int {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: 2 * time.Second}
	scheme := "http"
	if os.Getenv("TLS_CERT") != "" {
		scheme = "https"
	}
	got, err := client.Get(scheme + "://localhost:" + os.Getenv("PORT") + "/health")
	if err != nil || got.StatusCode != http.StatusOK {
		fmt.Fprintln(os.Stderr, "unhealthy", err)
		return 1
	}
	return 0
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "health" {
		os.Exit(health())
	}
	if len(os.Args) > 1 && os.Args[1] == "version" {
		fmt.Println("gotls 1")
		return
	}
	if file := os.Getenv("CONFIG"); file != "" {
		text, err := os.ReadFile(file)
		var settings map[string]string
		if err == nil {
			err = json.Unmarshal(text, &settings)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		for name, value := range settings {
			os.Setenv(name, value)
		}
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		answer(w, "hello "+os.Getenv("GREETING"), nil)
	})
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { answer(w, "ok", nil) })
	http.HandleFunc("/time", at)
	http.HandleFunc("/fetch", fetch)
	http.HandleFunc("/pool", pool)
	http.HandleFunc("/page/", page)
	http.HandleFunc("/user", account)
	http.HandleFunc("/group", group)
	http.HandleFunc("/upload", upload)
	http.HandleFunc("/gzip", squeezed)
	http.HandleFunc("/mime", func(w http.ResponseWriter, r *http.Request) {
		answer(w, mime.TypeByExtension(filepath.Ext(r.FormValue("name"))), nil)
	})
	http.HandleFunc("/host", func(w http.ResponseWriter, r *http.Request) {
		found, err := net.LookupHost(r.FormValue("name"))
		answer(w, strings.Join(found, " "), err)
	})
	http.HandleFunc("/port", func(w http.ResponseWriter, r *http.Request) {
		found, err := net.LookupPort("tcp", r.FormValue("name"))
		answer(w, found, err)
	})
	http.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir("/app/static"))))

	server := &http.Server{Addr: ":" + os.Getenv("PORT")}
	go func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		<-signals
		fmt.Println("bye")
		os.Exit(0)
	}()
	var err error
	if certificate := os.Getenv("TLS_CERT"); certificate != "" {
		err = server.ListenAndServeTLS(certificate, os.Getenv("TLS_KEY"))
	} else {
		err = server.ListenAndServe()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
