// The life of containers, images, volumes and networks as a Go program sees it through Docker's own client.
// Run by go-client.test.ts with DOCKER_HOST set. Each step prints one line; a failure ends the program.
package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/docker/docker/errdefs"
	"github.com/docker/docker/pkg/stdcopy"
)

var ctx = context.Background()

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func expect(ok bool, format string, values ...any) {
	if !ok {
		panic(fmt.Sprintf(format, values...))
	}
}

func streams(reader io.Reader) (string, string) {
	var out, err bytes.Buffer
	must(stdcopy.StdCopy(&out, &err, reader))
	return out.String(), err.String()
}

func main() {
	c := must(client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation()))
	defer c.Close()
	for _, step := range []struct {
		name string
		run  func(*client.Client)
	}{
		{"system", system},
		{"a short run, waited for before it starts", shortRun},
		{"input, half-closed", input},
		{"a long run", longRun},
		{"exec", execs},
		{"files, commit, save and load", files},
		{"volumes", volumes},
		{"networks", networks},
		{"errors have their kinds", failures},
	} {
		step.run(c)
		fmt.Println("ok", step.name)
	}
}

func system(c *client.Client) {
	ping := must(c.Ping(ctx))
	expect(ping.OSType == "linux" && ping.APIVersion != "", "ping: %+v", ping)
	expect(must(c.ServerVersion(ctx)).Os == "linux", "version")
	expect(must(c.Info(ctx)).OSType == "linux", "info")
}

func shortRun(c *client.Client) {
	messages, errs := c.Events(ctx, events.ListOptions{Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("label", "suite=go"))})
	created := must(c.ContainerCreate(ctx,
		&container.Config{Image: "busybox", Cmd: []string{"sh", "-c", "echo out; echo err >&2; exit 3"}, Labels: map[string]string{"suite": "go"}},
		&container.HostConfig{AutoRemove: true}, nil, nil, "go-short"))
	attached := must(c.ContainerAttach(ctx, created.ID, container.AttachOptions{Stream: true, Stdout: true, Stderr: true}))
	done, failed := c.ContainerWait(ctx, created.ID, container.WaitConditionRemoved)
	check(c.ContainerStart(ctx, created.ID, container.StartOptions{}))
	out, err := streams(attached.Reader)
	expect(out == "out\n" && err == "err\n", "streams: %q %q", out, err)
	select {
	case end := <-done:
		expect(end.StatusCode == 3, "exit code %d", end.StatusCode)
	case err := <-failed:
		panic(err)
	}
	var seen []string
	for len(seen) == 0 || seen[len(seen)-1] != "destroy" {
		select {
		case message := <-messages:
			seen = append(seen, string(message.Action))
		case err := <-errs:
			panic(err)
		}
	}
	expect(strings.Join(seen, " ") == "create attach start die destroy", "events: %v", seen)
}

func input(c *client.Client) {
	created := must(c.ContainerCreate(ctx,
		&container.Config{Image: "busybox", Cmd: []string{"sh", "-c", "cat; echo end"}, OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true},
		nil, nil, nil, ""))
	attached := must(c.ContainerAttach(ctx, created.ID, container.AttachOptions{Stream: true, Stdin: true, Stdout: true}))
	check(c.ContainerStart(ctx, created.ID, container.StartOptions{}))
	must(attached.Conn.Write([]byte("typed\n")))
	check(attached.CloseWrite())
	out, _ := streams(attached.Reader)
	expect(out == "typed\nend\n", "output: %q", out)
	check(c.ContainerRemove(ctx, created.ID, container.RemoveOptions{}))
}

func longRun(c *client.Client) {
	created := must(c.ContainerCreate(ctx,
		&container.Config{Image: "busybox", Cmd: []string{"sh", "-c", "trap 'exit 6' TERM; echo up; while :; do sleep 0.1; done"}},
		&container.HostConfig{Resources: container.Resources{Memory: 64 << 20}}, nil, nil, "go-long"))
	id := created.ID
	check(c.ContainerStart(ctx, id, container.StartOptions{}))
	check(c.ContainerStart(ctx, id, container.StartOptions{}))
	inspected := must(c.ContainerInspect(ctx, "go-long"))
	expect(inspected.State.Running && inspected.HostConfig.Memory == 64<<20, "inspect: %+v", inspected.State)
	list := must(c.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("name", "go-long"))}))
	expect(len(list) == 1 && list[0].ID == id && strings.HasPrefix(list[0].Status, "Up "), "list: %+v", list)
	expect(len(must(c.ContainerTop(ctx, id, nil)).Processes) >= 1, "top")
	var stats container.StatsResponse
	reader := must(c.ContainerStats(ctx, id, false))
	check(json.NewDecoder(reader.Body).Decode(&stats))
	reader.Body.Close()
	expect(stats.MemoryStats.Limit == 64<<20 && stats.PreCPUStats.CPUUsage.TotalUsage > 0, "stats: %+v", stats.MemoryStats)
	check(c.ContainerPause(ctx, id))
	check(c.ContainerUnpause(ctx, id))
	must(c.ContainerUpdate(ctx, id, container.UpdateConfig{Resources: container.Resources{Memory: 96 << 20, MemorySwap: -1}}))
	check(c.ContainerRename(ctx, id, "go-renamed"))
	check(c.ContainerResize(ctx, id, container.ResizeOptions{Height: 10, Width: 20}))
	logs := must(c.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true}))
	out, _ := streams(logs)
	expect(strings.HasSuffix(out, " up\n"), "logs: %q", out)
	must(time.Parse(time.RFC3339Nano, strings.Fields(out)[0]))
	timeout := 5
	check(c.ContainerRestart(ctx, id, container.StopOptions{Timeout: &timeout}))
	// Its trap is set when it has spoken again.
	for strings.Count(out, " up\n") < 2 {
		out, _ = streams(must(c.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true})))
	}
	check(c.ContainerStop(ctx, id, container.StopOptions{Timeout: &timeout}))
	expect(must(c.ContainerInspect(ctx, id)).State.ExitCode == 6, "exit code")
	check(c.ContainerRemove(ctx, id, container.RemoveOptions{RemoveVolumes: true}))
}

func execs(c *client.Client) {
	id := must(c.ContainerCreate(ctx, &container.Config{Image: "busybox", Cmd: []string{"sleep", "1000"}}, nil, nil, nil, "")).ID
	check(c.ContainerStart(ctx, id, container.StartOptions{}))
	exec := must(c.ContainerExecCreate(ctx, id, container.ExecOptions{Cmd: []string{"sh", "-c", "cat; pwd >&2; exit 4"}, WorkingDir: "/tmp", AttachStdin: true, AttachStdout: true, AttachStderr: true}))
	attached := must(c.ContainerExecAttach(ctx, exec.ID, container.ExecAttachOptions{}))
	must(attached.Conn.Write(bytes.Repeat([]byte("x"), 1<<20)))
	check(attached.CloseWrite())
	out, err := streams(attached.Reader)
	expect(len(out) == 1<<20 && err == "/tmp\n", "exec: %d bytes, %q", len(out), err)
	expect(must(c.ContainerExecInspect(ctx, exec.ID)).ExitCode == 4, "exec exit code")
	check(c.ContainerKill(ctx, id, "KILL"))
	check(c.ContainerRemove(ctx, id, container.RemoveOptions{Force: true}))
}

func files(c *client.Client) {
	id := must(c.ContainerCreate(ctx, &container.Config{Image: "busybox", Cmd: []string{"cat", "/in"}}, nil, nil, nil, "")).ID
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	check(writer.WriteHeader(&tar.Header{Name: "in", Mode: 0o644, Size: 5}))
	must(writer.Write([]byte("hello")))
	check(writer.Close())
	check(c.CopyToContainer(ctx, id, "/", &archive, container.CopyToContainerOptions{}))
	stat := must(c.ContainerStatPath(ctx, id, "/in"))
	expect(stat.Size == 5 && stat.Mode.Perm() == 0o644, "stat: %+v", stat)
	expect(must(c.ContainerStatPath(ctx, id, "/tmp")).Mode.IsDir(), "a directory's mode")
	content, _, err := c.CopyFromContainer(ctx, id, "/in")
	check(err)
	reader := tar.NewReader(content)
	must(reader.Next())
	expect(string(must(io.ReadAll(reader))) == "hello", "copied content")
	content.Close()
	committed := must(c.ContainerCommit(ctx, id, container.CommitOptions{Reference: "go-made:1", Changes: []string{"LABEL made=yes"}}))
	inspected := must(c.ImageInspect(ctx, "go-made:1"))
	expect(inspected.ID == committed.ID && inspected.Config.Labels["made"] == "yes", "image: %+v", inspected)
	check(c.ImageTag(ctx, "go-made:1", "go-made:2"))
	saved := must(c.ImageSave(ctx, []string{"go-made:1", "go-made:2"}))
	all := must(io.ReadAll(saved))
	saved.Close()
	check(c.ContainerRemove(ctx, id, container.RemoveOptions{}))
	for _, name := range []string{"go-made:1", "go-made:2"} {
		must(c.ImageRemove(ctx, name, image.RemoveOptions{}))
	}
	loaded := must(c.ImageLoad(ctx, bytes.NewReader(all), client.ImageLoadWithQuiet(true)))
	said := string(must(io.ReadAll(loaded.Body)))
	loaded.Body.Close()
	expect(strings.Contains(said, "go-made:1") && strings.Contains(said, "go-made:2"), "load said %s", said)
	for _, name := range []string{"go-made:1", "go-made:2"} {
		must(c.ImageRemove(ctx, name, image.RemoveOptions{}))
	}
}

func volumes(c *client.Client) {
	must(c.VolumeCreate(ctx, volume.CreateOptions{Name: "go-data", Labels: map[string]string{"suite": "go"}}))
	run := func(readonly bool, words ...string) (string, int64) {
		id := must(c.ContainerCreate(ctx, &container.Config{Image: "busybox", Cmd: words},
			&container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: "go-data", Target: "/data", ReadOnly: readonly}}}, nil, nil, "")).ID
		done, _ := c.ContainerWait(ctx, id, container.WaitConditionNextExit)
		check(c.ContainerStart(ctx, id, container.StartOptions{}))
		end := <-done
		out, _ := streams(must(c.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, Follow: true})))
		check(c.ContainerRemove(ctx, id, container.RemoveOptions{}))
		return out, end.StatusCode
	}
	_, code := run(false, "sh", "-c", "echo kept >/data/f")
	expect(code == 0, "write: %d", code)
	out, _ := run(true, "cat", "/data/f")
	expect(out == "kept\n", "read: %q", out)
	_, code = run(true, "touch", "/data/g")
	expect(code != 0, "a read-only volume was written")
	check(c.VolumeRemove(ctx, "go-data", false))
}

func networks(c *client.Client) {
	made := must(c.NetworkCreate(ctx, "go-net", network.CreateOptions{Labels: map[string]string{"suite": "go"}}))
	id := must(c.ContainerCreate(ctx, &container.Config{Image: "busybox", Cmd: []string{"sleep", "1000"}},
		&container.HostConfig{NetworkMode: "go-net"}, nil, nil, "go-netted")).ID
	check(c.ContainerStart(ctx, id, container.StartOptions{}))
	inspected := must(c.NetworkInspect(ctx, made.ID, network.InspectOptions{}))
	expect(len(inspected.Containers) == 1 && inspected.Containers[id].Name == "go-netted", "network: %+v", inspected)
	check(c.NetworkConnect(ctx, "bridge", id, nil))
	expect(len(must(c.ContainerInspect(ctx, id)).NetworkSettings.Networks) == 2, "two networks")
	check(c.NetworkDisconnect(ctx, "go-net", id, true))
	check(c.ContainerRemove(ctx, id, container.RemoveOptions{Force: true}))
	check(c.NetworkRemove(ctx, "go-net"))
}

func failures(c *client.Client) {
	_, err := c.ContainerInspect(ctx, "nobody")
	expect(errdefs.IsNotFound(err) && strings.Contains(err.Error(), "No such container: nobody"), "not found: %v", err)
	_, err = c.ContainerCreate(ctx, &container.Config{Image: "no-such-image"}, nil, nil, nil, "")
	expect(errdefs.IsNotFound(err), "no image: %v", err)
	_, err = c.ContainerCreate(ctx, &container.Config{Image: "busybox"}, &container.HostConfig{Resources: container.Resources{Memory: 1}}, nil, nil, "")
	expect(errdefs.IsInvalidParameter(err), "too little memory: %v", err)
	id := must(c.ContainerCreate(ctx, &container.Config{Image: "busybox"}, nil, nil, nil, "go-twice")).ID
	_, err = c.ContainerCreate(ctx, &container.Config{Image: "busybox"}, nil, nil, nil, "go-twice")
	expect(errdefs.IsConflict(err), "name in use: %v", err)
	check(c.ContainerRemove(ctx, id, container.RemoveOptions{}))
}
