import { closeSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { wouldBlock } from "./descriptor.ts"
import { check, errno, libc, SystemError, types } from "./libc.ts"
import { socketFlags, socketTypes } from "./socket.ts"

const c = libc({
  socket: { args: [types.i32, types.i32, types.i32], returns: types.i32 },
  bind: { args: [types.i32, types.ptr, types.u32], returns: types.i32 },
  listen: { args: [types.i32, types.i32], returns: types.i32 },
  connect: { args: [types.i32, types.ptr, types.u32], returns: types.i32 },
  accept4: { args: [types.i32, types.ptr, types.ptr, types.i32], returns: types.i32 },
  send: { args: [types.i32, types.ptr, types.u64, types.i32], returns: types.i64_fast },
})

const AF_UNIX = 1
const MSG_NOSIGNAL = 0x4000
const EINTR = 4
const EAGAIN = 11
const ECONNABORTED = 103

/** struct sockaddr_un (unix(7)); `@` begins a name that is not in the file system. @throws invalidArgument when the path is longer than its 107 bytes */
function address(path: string): Buffer {
  const name = Buffer.from(path)
  if (name.length > 107) {
    throw new Failure("invalidArgument", `socket path ${path} is longer than 107 bytes; choose a shorter run root`)
  }
  const isAbstract = path.startsWith("@")
  if (isAbstract) name[0] = 0
  // Of an abstract name every byte counts, of a path the first NUL ends it.
  const bytes = Buffer.from(new ArrayBuffer(2 + name.length + (isAbstract ? 0 : 1)))
  bytes.writeUInt16LE(AF_UNIX, 0)
  name.copy(bytes, 2)
  return bytes
}

function open(path: string, use: (socket: number, name: Buffer) => void, type: "stream" | "dgram" = "stream"): number {
  const name = address(path)
  const socket = check(c.socket(AF_UNIX, socketTypes[type] | socketFlags.cloexec | socketFlags.nonblock, 0), "socket")
  try {
    use(socket, name)
    return socket
  } catch (error) {
    closeSync(socket)
    throw error
  }
}

/** A non-blocking listening stream socket at `path`, which must not exist. @throws SystemError; EADDRINUSE */
export function listenUnix(path: string): number {
  return open(path, (socket, name) => {
    check(c.bind(socket, name, name.length), "bind", path)
    check(c.listen(socket, 128), "listen", path)
  })
}

/** A non-blocking stream socket connected to `path`. @throws SystemError; ECONNREFUSED, ENOENT, EAGAIN when its backlog is full */
export function connectUnix(path: string): number {
  return open(path, (socket, name) => {
    check(c.connect(socket, name, name.length), "connect", path)
  })
}

/** A non-blocking datagram socket whose messages go to `path`. @throws SystemError; ECONNREFUSED, ENOENT, EPROTOTYPE */
export function connectUnixDatagram(path: string): number {
  return open(
    path,
    (socket, name) => {
      check(c.connect(socket, name, name.length), "connect", path)
    },
    "dgram",
  )
}

/** The next connection, non-blocking and close-on-exec, or {@link wouldBlock}. @throws SystemError; EMFILE */
export function acceptNow(listener: number): number {
  for (;;) {
    const socket = c.accept4(listener, null, null, socketFlags.cloexec | socketFlags.nonblock)
    if (socket >= 0) return socket
    const number = errno()
    if (number === EAGAIN) return wouldBlock
    if (number !== EINTR && number !== ECONNABORTED) throw new SystemError("accept4", number)
  }
}

/** send(2) on a non-blocking socket, without SIGPIPE. @returns bytes taken or {@link wouldBlock}; @throws SystemError; EPIPE */
export function sendNow(socket: number, bytes: Uint8Array): number {
  for (;;) {
    const length = Number(c.send(socket, bytes, bytes.length, MSG_NOSIGNAL))
    if (length >= 0) return length
    const number = errno()
    if (number === EAGAIN) return wouldBlock
    if (number !== EINTR) throw new SystemError("send", number)
  }
}
