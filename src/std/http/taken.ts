import type { Socket } from "node:net"

/** How many bytes sent on a socket its other side has not read yet. */
export type Unread = (descriptor: number) => number

/** So often it is looked at once, and then each millisecond. */
const quickLooks = 20
const slowLooks = 50

/** Resolves when the other side has read everything that was written to a socket, or a moment later when it has not. */
export async function taken(socket: Socket, unread: Unread): Promise<void> {
  const descriptor = (socket as { _handle?: { fd?: number } | null })._handle?.fd
  if (descriptor === undefined || descriptor < 0) return
  for (let look = 0; look < quickLooks + slowLooks; look++) {
    if (socket.destroyed || (socket.writableLength === 0 && unread(descriptor) === 0)) return
    await new Promise<void>((resolve) => {
      if (look < quickLooks) setImmediate(resolve)
      else setTimeout(resolve, 1)
    })
  }
}
