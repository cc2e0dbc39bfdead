#!/usr/bin/env bun
import { basename } from "node:path"

/**
 * The one executable. Its first word, or the name it is called by, chooses the process: `barge daemon` (or `dockerd`),
 * `barge shim`, helper children of the daemon (`barge internal …`), and otherwise the command line.
 */
const name = basename(process.argv0)
const args = process.argv.slice(2)

if (name === "dockerd") {
  console.error("barge: the daemon is not composed yet")
  process.exit(1)
}
console.error(`barge: unknown command ${args[0] ?? ""}`)
process.exit(1)
