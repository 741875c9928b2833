package standin

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
)

func (e *Engine) ping(w http.ResponseWriter, r *http.Request, _ *dockerapi.Call) error {
	h := w.Header()
	h.Set("Builder-Version", "1")
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	h.Set("Pragma", "no-cache")
	h.Set("Swarm", "inactive")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if r.Method == http.MethodHead {
		h.Set("Content-Length", "0")
		return nil
	}
	h.Set("Content-Length", strconv.Itoa(len("OK")))
	_, _ = io.WriteString(w, "OK")
	return nil
}

func (e *Engine) version(w http.ResponseWriter, _ *http.Request, _ *dockerapi.Call) error {
	details := map[string]string{
		"ApiVersion": apiVersion, "MinAPIVersion": minAPIVersion, "Os": "linux", "Arch": runtime.GOARCH,
		"GoVersion": runtime.Version(), "Experimental": "false", "GitCommit": "none", "KernelVersion": "none", "BuildTime": "",
	}
	return writeJSON(w, http.StatusOK, map[string]any{
		"Platform":   map[string]string{"Name": Name + " (not a Docker Engine)"},
		"Components": []any{map[string]any{"Name": "Engine", "Version": Name, "Details": details}},
		"Version":    Name, "ApiVersion": apiVersion, "MinAPIVersion": minAPIVersion, "GitCommit": "none",
		"GoVersion": runtime.Version(), "Os": "linux", "Arch": runtime.GOARCH, "KernelVersion": "none",
	})
}

func (e *Engine) info(w http.ResponseWriter, _ *http.Request, _ *dockerapi.Call) error {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	e.mu.Lock()
	containers, images := len(e.containers), len(e.images)
	e.mu.Unlock()
	return writeJSON(w, http.StatusOK, map[string]any{
		"ID": "sluice-stand-in", "Name": host, "ServerVersion": Name, "OperatingSystem": Name, "OSType": "linux", "OSVersion": "",
		"KernelVersion": "none", "Architecture": runtime.GOARCH, "NCPU": runtime.NumCPU(), "MemTotal": 0,
		"Containers": containers, "ContainersRunning": 0, "ContainersPaused": 0, "ContainersStopped": containers, "Images": images,
		"Driver": "none", "DriverStatus": [][2]string{}, "LoggingDriver": "none", "CgroupDriver": "none", "CgroupVersion": "2",
		"Plugins":     map[string]any{"Volume": []string{}, "Network": []string{}, "Authorization": nil, "Log": []string{}},
		"MemoryLimit": true, "SwapLimit": true, "CpuCfsPeriod": true, "CpuCfsQuota": true, "CPUShares": true, "CPUSet": true,
		"PidsLimit": true, "IPv4Forwarding": true, "BridgeNfIptables": true, "BridgeNfIp6tables": true, "OomKillDisable": true,
		"KernelMemory": true, "Debug": false, "NFd": 0, "NGoroutines": runtime.NumGoroutine(), "NEventsListener": e.events.listeners(),
		"SystemTime": time.Now().UTC().Format(time.RFC3339Nano), "DockerRootDir": "/nonexistent", "Labels": []string{},
		"ExperimentalBuild": false, "Runtimes": map[string]any{}, "DefaultRuntime": "none", "LiveRestoreEnabled": false, "Isolation": "",
		"InitBinary": "none", "IndexServerAddress": "", "SecurityOptions": []string{}, "HttpProxy": "", "HttpsProxy": "", "NoProxy": "",
		"RegistryConfig":   map[string]any{"InsecureRegistryCIDRs": []string{}, "IndexConfigs": map[string]any{}, "Mirrors": []string{}},
		"ContainerdCommit": map[string]string{"ID": "none"}, "RuncCommit": map[string]string{"ID": "none"}, "InitCommit": map[string]string{"ID": "none"},
		"Swarm":    map[string]any{"LocalNodeState": "inactive", "ControlAvailable": false, "RemoteManagers": nil},
		"Warnings": []string{"WARNING: this is the " + Name + ": it runs no containers"},
	})
}

func (e *Engine) listNetworks(w http.ResponseWriter, _ *http.Request, _ *dockerapi.Call) error {
	return writeJSON(w, http.StatusOK, []any{})
}

func (e *Engine) listVolumes(w http.ResponseWriter, _ *http.Request, _ *dockerapi.Call) error {
	return writeJSON(w, http.StatusOK, map[string]any{"Volumes": []any{}, "Warnings": []string{}})
}
