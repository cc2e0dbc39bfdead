import { chmodSync, chownSync, lstatSync, readFileSync, readlinkSync, unlinkSync } from "node:fs"
import { connect, createServer, type Server, type Socket } from "node:net"
import { Failure } from "../../errors/failure.ts"
import type { Endpoint } from "./endpoint.ts"
import type { Peer } from "./request.ts"
import { type TlsKeys, TlsServerWithPlainAnswer } from "./tls-server.ts"

export interface ListenOptions {
  /** Called with every connection, from the first on. */
  readonly accept: (socket: Socket, peer: Peer) => void
  /** For TCP endpoints. */
  readonly tls?: TlsKeys
  /**
   * The group that may use a unix socket, also one that systemd handed over: a name or a number. An unknown name keeps the
   * socket to its owner, and leaves systemd's as its unit says.
   */
  readonly group?: string
  /** Told the descriptor of every socket once it listens. */
  readonly listens?: (descriptor: number) => void
  /** Default: this process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/** Milliseconds after which a silent peer is asked whether it is still there: one that lost its power never says goodbye. */
const keepAliveDelay = 60_000

/** A socket that listens. Disposing closes it and removes its file. */
export interface Listener extends AsyncDisposable {
  readonly transport: Peer["transport"]
  /** `unix:///path` or `tcp://host:port`, with the port that was chosen. */
  readonly address: string
  /** Takes other keys for connections from now on, where TLS is. @throws invalidArgument for keys that cannot be used */
  renew?(keys: TlsKeys): void
}

/**
 * Listens on an endpoint; `fd://` may give several listeners. A stale unix socket is replaced, a live one never.
 * @throws conflict when somebody else listens there · invalidArgument
 */
export async function openListeners(endpoint: Endpoint, options: ListenOptions): Promise<readonly Listener[]> {
  if (endpoint.kind === "unix") return [await openUnix(endpoint.path, options)]
  if (endpoint.kind === "tcp") return [await openTcp(endpoint.host, endpoint.port, options)]
  return openInherited(endpoint.name, options)
}

async function openUnix(path: string, options: ListenOptions): Promise<Listener> {
  await removeStaleSocket(path)
  const server = createServer({ allowHalfOpen: true }, (socket) => options.accept(socket, { transport: "unix" }))
  const umask = process.umask(0o177)
  try {
    await listening(server, { path }, options)
  } finally {
    process.umask(umask)
  }
  const group = giveToGroup(path, options.group)
  if (!group) chmodSync(path, options.group === undefined ? 0o660 : 0o600)
  const inode = lstatSync(path).ino
  return {
    transport: "unix",
    address: `unix://${path}`,
    [Symbol.asyncDispose]: async () => {
      const own = lstatSync(path, { throwIfNoEntry: false })?.ino === inode
      await closed(server)
      if (own && lstatSync(path, { throwIfNoEntry: false })?.ino === inode) unlinkSync(path)
    },
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket())
    throw new Failure("conflict", `${path} exists and is not a socket; remove it or choose another path`)
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect({ path })
    probe.on("connect", () => {
      probe.destroy()
      resolve(true)
    })
    probe.on("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    )
  })
  if (alive)
    throw new Failure("conflict", `another daemon listens on ${path}; stop it or choose another path with --host`)
  unlinkSync(path)
}

async function openTcp(host: string, port: number, options: ListenOptions): Promise<Listener> {
  const { tls } = options
  const transport = tls ? "tls" : "tcp"
  const accept = (socket: Socket) => {
    socket.setKeepAlive?.(true, keepAliveDelay)
    options.accept(socket, { transport, address: socket.remoteAddress })
  }
  const secured = tls ? new TlsServerWithPlainAnswer(tls, { accept }) : undefined
  const server = secured?.front ?? createServer({ allowHalfOpen: true }, accept)
  await listening(server, { host, port }, options)
  const bound = server.address()
  const actual = bound && typeof bound === "object" ? bound.port : port
  return {
    transport,
    address: `tcp://${host.includes(":") ? `[${host}]` : host}:${actual}`,
    ...(secured ? { renew: (keys: TlsKeys) => secured.renew(keys) } : {}),
    [Symbol.asyncDispose]: async () => (secured ? secured.close() : await closed(server)),
  }
}

/** The sockets systemd handed over: descriptors from 3 on (sd_listen_fds(3)). */
async function openInherited(name: string | undefined, options: ListenOptions): Promise<readonly Listener[]> {
  const environment = options.environment ?? process.env
  const count = Number(environment["LISTEN_FDS"] ?? 0)
  if (!(count > 0) || Number(environment["LISTEN_PID"]) !== process.pid)
    throw new Failure(
      "invalidArgument",
      "no sockets found via socket activation: make sure the service was started by systemd, or use unix:// or tcp://",
    )
  const names = (environment["LISTEN_FDNAMES"] ?? "").split(":")
  const descriptors = Array.from({ length: count }, (_, index) => ({ fd: 3 + index, name: names[index] ?? "" }))
  const wanted = descriptors.filter((one) => name === undefined || one.name === name || String(one.fd) === name)
  if (wanted.length === 0) throw new Failure("invalidArgument", `systemd handed over no socket named ${name}`)
  return Promise.all(
    wanted.map(async ({ fd }) => {
      const server = createServer({ allowHalfOpen: true }, (socket) => options.accept(socket, { transport: "unix" }))
      await listening(server, { fd }, options)
      const path = socketPath(fd)
      if (path) giveToGroup(path, options.group)
      return {
        transport: "unix" as const,
        address: `fd://${fd}`,
        [Symbol.asyncDispose]: () => closed(server),
      }
    }),
  )
}

function listening(
  server: Server,
  where: { readonly path?: string; readonly host?: string; readonly port?: number; readonly fd?: number },
  { listens }: ListenOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const place = where.path ?? (where.fd === undefined ? `${where.host}:${where.port}` : `descriptor ${where.fd}`)
      const kind = error.code === "EADDRINUSE" ? "conflict" : error.code === "EACCES" ? "permissionDenied" : "internal"
      reject(new Failure(kind, `cannot listen on ${place}: ${error.message}`, error))
    })
    server.listen(where, () => {
      const descriptor = (server as { _handle?: { fd?: number } | null })._handle?.fd
      if (descriptor !== undefined && descriptor >= 0) listens?.(descriptor)
      resolve()
    })
  })
}

/** Stops listening; connections are the business of whoever serves them. */
async function closed(server: Server): Promise<void> {
  if (server.listening) server.close()
}

/** Lets a group use a unix socket. @returns whether there is such a group; without it nothing is changed */
function giveToGroup(path: string, name: string | undefined): boolean {
  const group = name === undefined ? undefined : groupId(name)
  if (group === undefined) return false
  chownSync(path, -1, group)
  chmodSync(path, 0o660)
  return true
}

/** The file of a unix socket that this process has; undefined for one without, and for other sockets (proc_net(5), unix). */
function socketPath(descriptor: number): string | undefined {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1]
  const line = readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .find((each) => each.trim().split(/\s+/)[6] === inode)
  const path = line && /\s(\/.*)$/.exec(line)?.[1]
  return path && lstatSync(path, { throwIfNoEntry: false })?.isSocket() ? path : undefined
}

function groupId(group: string): number | undefined {
  if (/^\d+$/.test(group)) return Number(group)
  const line = readFileSync("/etc/group", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${group}:`))
  return line ? Number(line.split(":")[2]) : undefined
}
