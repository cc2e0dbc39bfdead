import { randomBytes } from "node:crypto"
import { accessSync, constants, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { execSelf } from "../linux/exec-self.ts"
import { setCloseOnExec } from "../linux/socket.ts"
import type { ConnectionState } from "./connection.ts"
import type { AttachOptions } from "./contract.ts"
import type { Held } from "./holdings.ts"
import type { Inherited } from "./process.ts"
import type { WireRequest } from "./protocol.ts"

/** A connection that goes on in the next image. */
export type HandedConnection =
  | { readonly kind: "fresh"; readonly state: ConnectionState }
  /** `unanswered` requests are taken up again. */
  | {
      readonly kind: "control"
      readonly state: ConnectionState
      readonly unanswered: readonly WireRequest[]
      /** Number of the upgrade request, which the next image answers. */
      readonly upgrade?: number
    }
  | { readonly kind: "keep"; readonly state: ConnectionState; readonly name: string }
  | {
      readonly kind: "attach"
      readonly state: ConnectionState
      readonly options: AttachOptions
      readonly ended: boolean
    }

/**
 * What a new shim is given: by the image before it (all of it), or by a daemon that kept the descriptors of a shim that was
 * killed (only processes). Descriptors are numbers that it inherits. Fields are added, never changed: an older image may
 * have written it.
 */
export interface Handover {
  readonly instance?: string
  readonly lock?: number
  readonly listener?: number
  /** Descriptors of clients, by key. */
  readonly held?: Held
  readonly processes: Readonly<Record<string, Inherited>>
  readonly connections: readonly HandedConnection[]
}

/** Writes a handover for `--handover`. @returns its path */
export function writeHandover(folder: string, handover: Handover): string {
  const path = join(folder, `handover-${randomBytes(6).toString("hex")}`)
  writeFileSync(path, JSON.stringify(handover), { mode: 0o600 })
  return path
}

/** Reads a handover and removes it; its descriptors are close-on-exec from now on. */
export function readHandover(path: string): Handover {
  const handover = JSON.parse(readFileSync(path, "utf8")) as Handover
  rmSync(path, { force: true })
  setAll(handover, true)
  return handover
}

/**
 * Becomes `command`, with `handover`. The PID and children stay.
 * @returns only by throwing; then everything is as it was
 */
export function becomeNext(folder: string, runRoot: string, command: readonly string[], handover: Handover): never {
  const program = command[0] ?? ""
  try {
    accessSync(program, constants.X_OK)
  } catch (error) {
    throw new Failure("invalidArgument", `the shim cannot become ${program}: it is not an executable file`, error)
  }
  const path = writeHandover(folder, handover)
  try {
    setAll(handover, false)
    execSelf([...command, "shim", "--run-root", runRoot, "--handover", path], process.env)
  } catch (error) {
    setAll(handover, true)
    rmSync(path, { force: true })
    throw error
  }
}

function setAll(handover: Handover, on: boolean): void {
  const descriptors = [
    handover.lock,
    handover.listener,
    ...Object.values(handover.held ?? {}).flat(),
    ...handover.connections.map((connection) => connection.state.descriptor),
    ...Object.values(handover.processes).flatMap((inherited) => Object.values(inherited.descriptors) as number[]),
  ]
  for (const descriptor of descriptors) if (descriptor !== undefined) setCloseOnExec(descriptor, on)
}
