import { eventSize, tokenAt } from "./epoll-layout.ts"
import { libc, types } from "./libc.ts"

const c = libc({ epoll_wait: { args: [types.i32, types.ptr, types.i32, types.i32], returns: types.i32 } })

const most = 256

declare const self: Worker

/** Blocks in epoll_wait and posts what is ready as pairs of token and events; ends when token 0, the wake-up, is ready. */
self.onmessage = (message: MessageEvent<number>) => {
  const events = Buffer.from(new ArrayBuffer(eventSize * most))
  for (;;) {
    const count = c.epoll_wait(message.data, events, most, -1)
    if (count <= 0) continue
    const ready = new Int32Array(count * 2)
    let ended = false
    for (let index = 0; index < count; index++) {
      const token = events.readInt32LE(index * eventSize + tokenAt)
      if (token === 0) ended = true
      ready[index * 2] = token
      ready[index * 2 + 1] = events.readUInt32LE(index * eventSize)
    }
    self.postMessage(ready, [ready.buffer])
    if (ended) return
  }
}
