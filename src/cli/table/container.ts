import type { Group } from "./entry.ts"

export const container: Group = {
  name: "container",
  short: "Manage containers",
  entries: [
    {
      name: "attach",
      short: "Attach local standard input, output, and error streams to a running container",
      top: "attach",
      load: async () => (await import("../commands/container/attach.ts")).attach,
    },
    {
      name: "commit",
      short: "Create a new image from a container's changes",
      top: "commit",
      load: async () => (await import("../commands/container/commit.ts")).commit,
    },
    {
      name: "cp",
      short: "Copy files/folders between a container and the local filesystem",
      long: () => `Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.`,
      top: "cp",
      load: async () => (await import("../commands/container/cp.ts")).cp,
    },
    {
      name: "create",
      short: "Create a new container",
      top: "create",
      load: async () => (await import("../commands/container/create.ts")).create,
    },
    {
      name: "diff",
      short: "Inspect changes to files or directories on a container's filesystem",
      top: "diff",
      load: async () => (await import("../commands/container/diff.ts")).diff,
    },
    {
      name: "exec",
      short: "Execute a command in a running container",
      top: "exec",
      load: async () => (await import("../commands/container/exec.ts")).exec,
    },
    {
      name: "export",
      short: "Export a container's filesystem as a tar archive",
      top: "export",
      load: async () => (await import("../commands/container/export.ts")).exportTree,
    },
    {
      name: "inspect",
      short: "Display detailed information on one or more containers",
      load: async () => (await import("../commands/container/inspect.ts")).inspect,
    },
    {
      name: "kill",
      short: "Kill one or more running containers",
      top: "kill",
      load: async () => (await import("../commands/container/lifecycle.ts")).kill,
    },
    {
      name: "logs",
      short: "Fetch the logs of a container",
      top: "logs",
      load: async () => (await import("../commands/container/logs.ts")).logs,
    },
    {
      name: "ls",
      short: "List containers",
      aliases: ["list", "ps"],
      top: "ps",
      load: async () => (await import("../commands/container/ls.ts")).ls,
    },
    {
      name: "pause",
      short: "Pause all processes within one or more containers",
      top: "pause",
      load: async () => (await import("../commands/container/lifecycle.ts")).pause,
    },
    {
      name: "port",
      short: "List port mappings or a specific mapping for the container",
      top: "port",
      load: async () => (await import("../commands/container/port.ts")).port,
    },
    {
      name: "prune",
      short: "Remove all stopped containers",
      load: async () => (await import("../commands/container/prune.ts")).prune,
    },
    {
      name: "rename",
      short: "Rename a container",
      top: "rename",
      load: async () => (await import("../commands/container/lifecycle.ts")).rename,
    },
    {
      name: "restart",
      short: "Restart one or more containers",
      top: "restart",
      load: async () => (await import("../commands/container/lifecycle.ts")).restart,
    },
    {
      name: "rm",
      short: "Remove one or more containers",
      aliases: ["remove"],
      top: "rm",
      load: async () => (await import("../commands/container/lifecycle.ts")).rm,
    },
    {
      name: "run",
      short: "Create and run a new container from an image",
      top: "run",
      load: async () => (await import("../commands/container/run.ts")).run,
    },
    {
      name: "start",
      short: "Start one or more stopped containers",
      top: "start",
      load: async () => (await import("../commands/container/start.ts")).start,
    },
    {
      name: "stats",
      short: "Display a live stream of container(s) resource usage statistics",
      top: "stats",
      load: async () => (await import("../commands/container/stats.ts")).stats,
    },
    {
      name: "stop",
      short: "Stop one or more running containers",
      top: "stop",
      load: async () => (await import("../commands/container/lifecycle.ts")).stop,
    },
    {
      name: "top",
      short: "Display the running processes of a container",
      top: "top",
      load: async () => (await import("../commands/container/top.ts")).top,
    },
    {
      name: "unpause",
      short: "Unpause all processes within one or more containers",
      top: "unpause",
      load: async () => (await import("../commands/container/lifecycle.ts")).unpause,
    },
    {
      name: "update",
      short: "Update configuration of one or more containers",
      top: "update",
      load: async () => (await import("../commands/container/update.ts")).update,
    },
    {
      name: "wait",
      short: "Block until one or more containers stop, then print their exit codes",
      top: "wait",
      load: async () => (await import("../commands/container/lifecycle.ts")).wait,
    },
  ],
}
