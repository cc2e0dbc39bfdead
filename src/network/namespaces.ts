import { spawn } from "node:child_process"
import { closeSync, mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Failure, messageOf } from "../errors/failure.ts"
import { umount } from "../linux/mount.ts"
import { NetlinkSocket } from "../linux/netlink.ts"
import { makeNetworkNamespace } from "../linux/network-namespace.ts"
import { receiveDescriptors, sendDescriptors } from "../linux/scm-rights.ts"
import { socketPair } from "../linux/socket.ts"
import { selfCommand } from "../std/self.ts"

/**
 * Network namespaces are made by a child of this program: a thread of the daemon that entered one could not be brought
 * back for certain. The child binds each below `<run>/netns` and passes an rtnetlink socket that was opened inside; by
 * that socket the daemon configures the namespace without ever entering it.
 */

/** What a container's namespace has from the start: no IPv6 on interfaces that come later, and what Docker sets so that PID 1 needs no capability for low ports and ping. */
const sysctls: Readonly<Record<string, string>> = {
  "ipv6/conf/default/disable_ipv6": "1",
  "ipv4/ip_unprivileged_port_start": "0",
  "ipv4/ping_group_range": "0 2147483647",
}

/** A new, empty namespace. The receiver disposes `socket`. */
export interface NewNamespace {
  readonly name: string
  readonly path: string
  readonly socket: NetlinkSocket
}

const helperSocket = 3

/**
 * The child's side: `internal netns FOLDER NAME…`, with a seqpacket socket as descriptor 3 that gets one message, the
 * name, with the rtnetlink socket, per namespace. @returns the exit status
 */
export function netnsHelper(args: readonly string[]): number {
  const [folder, ...names] = args
  if (!folder || names.length === 0) {
    console.error("internal netns FOLDER NAME…: makes network namespaces for the daemon")
    return 2
  }
  const made: string[] = []
  try {
    for (const name of names) {
      using socket = makeNetworkNamespace(join(folder, name), sysctls)
      made.push(name)
      sendDescriptors(helperSocket, Buffer.from(name), [socket.descriptor])
    }
    return 0
  } catch (error) {
    // The daemon may have gone: what it can no longer take stays nowhere.
    for (const name of made) dropNamespace(join(folder, name))
    console.error(messageOf(error))
    return 1
  }
}

/**
 * Makes a namespace of each name below `folder`, in one child.
 * @throws internal with the child's words; then none of them exists
 */
export async function makeNamespaces(folder: string, names: readonly string[]): Promise<NewNamespace[]> {
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  const [ours, theirs] = socketPair()
  const made: NewNamespace[] = []
  try {
    const ended = runHelper(folder, names, theirs)
    closeSync(theirs)
    const words = await ended
    for (;;) {
      // The child has ended, so everything that it sent lies in the socket, followed by the end.
      const message = receiveDescriptors(ours)
      const descriptor = message?.descriptors[0]
      if (!message || descriptor === undefined) break
      const name = message.bytes.toString()
      made.push({ name, path: join(folder, name), socket: new NetlinkSocket(descriptor) })
    }
    if (made.length !== names.length) throw new Failure("internal", `network namespaces could not be made: ${words}`)
    return made
  } catch (error) {
    for (const { path, socket } of made) dropNamespace(path, socket)
    throw error
  } finally {
    closeSync(ours)
  }
}

/** Runs the child. @returns what it said, when it has ended */
function runHelper(folder: string, names: readonly string[], socket: number): Promise<string> {
  const [command, ...first] = selfCommand()
  const child = spawn(command!, [...first, "internal", "netns", folder, ...names], {
    stdio: ["ignore", "ignore", "pipe", socket],
  })
  let words = ""
  child.stderr?.on("data", (chunk: Buffer) => {
    words += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code, signal) => resolve(words.trim() || `the child ended with ${signal ?? code}`))
  })
}

/**
 * Lets a namespace go: once no process is in it the kernel takes it apart on its own time, interfaces and all. Takes
 * some 30 µs. A path that is not bound, or not there, is not an error.
 */
export function dropNamespace(path: string, socket?: NetlinkSocket): void {
  socket?.[Symbol.dispose]()
  try {
    umount(path, { detach: true })
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== "EINVAL" && code !== "ENOENT") throw error
  }
  rmSync(path, { force: true })
}
