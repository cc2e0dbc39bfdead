#!/usr/bin/env bun
import { basename } from "node:path"

/**
 * The one executable. Its first word, or the name it is called by, chooses the process. Each entry loads only its own
 * modules: the command line starts without the daemon's code.
 */
type Entry = (args: readonly string[]) => Promise<number>

const name = basename(process.argv0)
const args = process.argv.slice(2)

/** Children that the daemon starts for one piece of work: `barge internal NAME …`. */
const internals: Readonly<Record<string, () => Promise<Entry>>> = {
  netns: async () => {
    const { netnsHelper } = await import("./network/namespaces.ts")
    return async (args) => netnsHelper(args)
  },
}

const processes: Readonly<Record<string, () => Promise<Entry>>> = {
  internal: async () => async (args) => {
    const load = internals[args[0] ?? ""]
    if (!load) throw new Error(`unknown internal process ${args[0]}`)
    return await (await load())(args.slice(1))
  },
  daemon: async () => {
    const { daemonMain } = await import("./daemon/main.ts")
    return (args) => daemonMain(args, name === "dockerd" ? "dockerd" : "barge")
  },
  registry: async () => (await import("./registry/main.ts")).registryMain,
  shim: async () => (await import("./shim/main.ts")).shimMain,
}

const chosen = name === "dockerd" ? "daemon" : (args[0] ?? "")
const load = processes[chosen]
if (load) {
  const entry = await load()
  process.exit(await entry(name === "dockerd" ? args : args.slice(1)))
} else {
  const { cli } = await import("./cli/main.ts")
  process.exit(await cli(args, { name: name === "docker" ? name : "barge" }))
}
