import { lstatSync, readlinkSync, type Stats, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { Failure, messageOf } from "../errors/failure.ts"
import type { Roots } from "./roots.ts"

const kinds = {
  directory: "a directory",
  file: "a regular file",
  socket: "a socket",
} as const

type PathKind = keyof typeof kinds

/** What the daemon and its shim open below a data root, but for what `openInstallation` refuses with a way out. */
const inDataRoot: Readonly<Record<string, PathKind>> = {
  "barge.db.lock": "file",
  "barge.db-journal": "file",
  "barge.db.reserve": "file",
  "installation.new": "file",
  "snapshots.probe.json": "file",
  "snapshots.probe.json.new": "file",
  content: "directory",
  "content/blobs": "directory",
  "content/blobs/sha256": "directory",
  "content/blobs/sha512": "directory",
  "content/ingest": "directory",
  snapshots: "directory",
  volumes: "directory",
  containers: "directory",
  ground: "directory",
  init: "directory",
  traces: "directory",
}

const inRunRoot: Readonly<Record<string, PathKind>> = {
  "daemon.lock": "file",
  installation: "file",
  "apparmor-profile": "file",
  bundles: "directory",
  netns: "directory",
  layers: "directory",
  sight: "directory",
  shm: "directory",
  ipc: "directory",
  runtime: "directory",
  shim: "directory",
  "shim/lock": "file",
  "shim/shim.log": "file",
  "shim/holder.json": "file",
  "shim/shim.sock": "socket",
  "shim/tasks": "directory",
  "shim/c": "directory",
}

/**
 * Refuses a start when something of another kind lies where the daemon keeps something of its own: the kernel's words for
 * it name neither what is wrong nor a way out, and to open a FIFO would never return.
 * @throws conflict; nothing has been changed then
 */
export function refuseOtherKinds(roots: Roots, pidfile: string): void {
  for (const [flag, root, paths] of [
    ["--data-root", roots.data, inDataRoot],
    ["--exec-root", roots.run, inRunRoot],
    ["--pidfile", pidfile, {}],
  ] as const) {
    const beginning = flag === "--pidfile" ? dirname(root) : root
    for (const directory of ancestors(beginning)) refuseOtherKind(directory, "directory", flag)
    for (const [name, wanted] of Object.entries(paths)) refuseOtherKind(join(root, name), wanted, flag)
  }
  refuseOtherKind(pidfile, "file", "--pidfile")
}

/** A directory and all that it lies in, from the root on. */
function ancestors(directory: string): readonly string[] {
  const above = dirname(directory)
  return above === directory ? [directory] : [...ancestors(above), directory]
}

function refuseOtherKind(path: string, wanted: PathKind, flag: string): void {
  const wrong = wrongKind(path, wanted)
  if (wrong === undefined) return
  throw new Failure(
    "conflict",
    `${path} ${wrong}, where the daemon needs ${kinds[wanted]}. Nothing was changed. Move it away, or give the daemon another ${flag}`,
  )
}

/** What lies there instead of `wanted`; undefined when nothing is wrong, or nothing is there. */
function wrongKind(path: string, wanted: PathKind): string | undefined {
  let found: Stats | undefined
  try {
    found = statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    return `cannot be looked at (${messageOf(error)})`
  }
  if (!found) {
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()
    return isLink ? `is a link to ${readlinkSync(path)}, which is missing (is a disk not mounted?)` : undefined
  }
  const isWanted = { directory: found.isDirectory(), file: found.isFile(), socket: found.isSocket() }
  return isWanted[wanted] ? undefined : `is ${nameOf(found)}`
}

function nameOf(found: Stats): string {
  if (found.isDirectory()) return "a directory"
  if (found.isFile()) return "a file"
  if (found.isFIFO()) return "a FIFO"
  if (found.isSocket()) return "a socket"
  return "a device"
}
