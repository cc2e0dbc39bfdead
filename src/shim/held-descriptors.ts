import { closeSync } from "node:fs"
import { growPipe, pipe, setNonBlocking } from "../linux/descriptor.ts"
import { memoryFile } from "../linux/memory-file.ts"
import { copyDescriptor } from "../linux/pidfd.ts"
import { growSendBuffer, socketPair } from "../linux/socket.ts"
import { maxChunk } from "./logs/writer.ts"
import { transitSize } from "./transit.ts"

/** Names of {@link HeldDescriptors}, in the order of their numbers in the holder. */
export const heldNames = ["sender", "store", "stagingReader", "stagingWriter", "transit"] as const

/**
 * What outlives a shim that is killed: numbers of descriptors. `sender` and `store` are a socket pair: messages with
 * descriptors that are sent into one end wait in the other for ever. The others are the pipe and the memory of `Transit`.
 */
export type HeldDescriptors = Readonly<Record<(typeof heldNames)[number], number>>

/** Number of the first of {@link heldNames} in the holder; below it is its stdio. */
const firstNumber = 3

/** Room for the messages of some ten thousand processes. */
const storeSize = 64 * 1024 * 1024

/** New ones, close-on-exec. @throws SystemError */
export function makeHeld(): HeldDescriptors {
  const [sender, store] = socketPair("stream")
  setNonBlocking(sender, true)
  growSendBuffer(sender, storeSize)
  const [stagingReader, stagingWriter] = pipe()
  growPipe(stagingReader, 4 * maxChunk)
  setNonBlocking(stagingReader, true)
  return { sender, store, stagingReader, stagingWriter, transit: memoryFile("barge-transit", transitSize) }
}

/** Copies of those that the holder `pid` has. @returns undefined when it may not be done, or its layout is another one */
export function copyHeld(pid: number): HeldDescriptors | undefined {
  const copies: number[] = []
  try {
    for (const index of heldNames.keys()) copies.push(copyDescriptor(pid, firstNumber + index))
  } catch {
    for (const copy of copies) closeSync(copy)
    return undefined
  }
  return Object.fromEntries(heldNames.map((name, index) => [name, copies[index]!])) as HeldDescriptors
}

export function closeHeld(held: HeldDescriptors): void {
  for (const name of heldNames) closeSync(held[name])
}
