import { rmSync } from "node:fs"
import { type MountRequest, mount, umount } from "./mount.ts"

/** Kernel calls that may block for long, done away from the thread that serves requests. */
export type BlockingCall =
  | { readonly kind: "umount"; readonly target: string }
  | { readonly kind: "removeTree"; readonly path: string }
  | { readonly kind: "mount"; readonly request: MountRequest }

declare const self: Worker

self.onmessage = (message: MessageEvent<{ readonly id: number; readonly call: BlockingCall }>) => {
  const { id, call } = message.data
  try {
    if (call.kind === "umount") umountAll(call.target)
    else if (call.kind === "mount") mount(call.request)
    else rmSync(call.path, { recursive: true, force: true })
    self.postMessage({ id })
  } catch (error) {
    const { code, message: text } = error as { code?: string; message: string }
    self.postMessage({ id, error: { code, message: text } })
  }
}

/** Also what lies below a mount on the same point. */
function umountAll(target: string): void {
  umount(target, { detach: true })
  for (;;) {
    try {
      umount(target, { detach: true })
    } catch {
      return
    }
  }
}
