import { randomBytes } from "node:crypto"
import { accessSync, closeSync, constants, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { execSelf } from "../linux/exec-self.ts"
import { receiveDescriptors, sendDescriptors } from "../linux/scm-rights.ts"
import { growSendBuffer, setCloseOnExec, socketPair } from "../linux/socket.ts"
import type { ConnectionState } from "./connection.ts"
import type { AttachOptions } from "./contract.ts"
import type { HandedHolder } from "./holder.ts"
import type { Held } from "./holdings.ts"
import type { Inherited, KeptDescriptors } from "./process.ts"
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
  /** The holder, and what it has: all of it stays open here, whatever becomes of that process meanwhile. */
  readonly holder?: HandedHolder
  readonly processes: Readonly<Record<string, Inherited>>
  readonly connections: readonly HandedConnection[]
  /** A socket from which the descriptors of `processes` come: their numbers there are places in what comes. */
  readonly carrier?: number
}

/** How the name of a handover's file begins. */
const filePrefix = "handover-"

/** Writes a handover for `--handover`. @returns its path */
export function writeHandover(folder: string, handover: Handover): string {
  const path = join(folder, `${filePrefix}${randomBytes(6).toString("hex")}`)
  writeFileSync(path, JSON.stringify(handover), { mode: 0o600 })
  return path
}

/**
 * Writes a handover of what a shim that was killed left, for one that is started: the descriptors lie in a socket, so that
 * neither process needs room for a second copy of them all.
 * @param number the descriptor that the socket is going to be in the new process
 * @returns its path, and the socket's end for the new process, which the caller closes
 */
export function sendHandover(
  folder: string,
  kept: ReadonlyMap<string, KeptDescriptors>,
  number: number,
): { readonly path: string; readonly carrier: number } {
  const descriptors: number[] = []
  const processes: Record<string, Inherited> = {}
  for (const [key, own] of kept) {
    const places: Record<string, number> = {}
    for (const [name, descriptor] of Object.entries(own) as [string, number][]) {
      places[name] = descriptors.length
      descriptors.push(descriptor)
    }
    processes[key] = { descriptors: places }
  }
  const [ours, theirs] = socketPair()
  try {
    growSendBuffer(ours, carrierSize)
    for (let at = 0; at < descriptors.length; at += mostTogether)
      sendDescriptors(ours, Buffer.from("descriptors"), descriptors.slice(at, at + mostTogether))
    return { path: writeHandover(folder, { processes, connections: [], carrier: number }), carrier: theirs }
  } catch (error) {
    closeSync(theirs)
    throw error
  } finally {
    closeSync(ours)
  }
}

/** The kernel's limit for one message is 253. */
const mostTogether = 250

/** Room for the messages of some hundred thousand descriptors. */
const carrierSize = 1 << 20

/** Reads a handover and removes it; its descriptors are close-on-exec from now on. */
export function readHandover(path: string): Handover {
  const read = JSON.parse(readFileSync(path, "utf8")) as Handover
  rmSync(path, { force: true })
  const handover = read.carrier === undefined ? read : { ...read, processes: takeCarried(read, read.carrier) }
  setAll(handover, true)
  return handover
}

/** Takes the descriptors of a handover's processes out of its socket. */
function takeCarried({ processes }: Handover, carrier: number): Handover["processes"] {
  const come: number[] = []
  for (;;) {
    const message = receiveDescriptors(carrier)
    if (!message || message.descriptors.length === 0) break
    come.push(...message.descriptors)
  }
  closeSync(carrier)
  const own = ({ descriptors }: Inherited) =>
    Object.fromEntries(Object.entries(descriptors as Record<string, number>).map(([name, at]) => [name, come[at]!]))
  return Object.fromEntries(Object.entries(processes).map(([key, each]) => [key, { ...each, descriptors: own(each) }]))
}

/** Removes handovers that no shim came to read. */
export function sweepHandovers(folder: string): void {
  for (const name of readdirSync(folder)) if (name.startsWith(filePrefix)) rmSync(join(folder, name), { force: true })
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
    ...Object.values(handover.holder?.held ?? {}),
    ...handover.connections.map((connection) => connection.state.descriptor),
    ...Object.values(handover.processes).flatMap((inherited) => Object.values(inherited.descriptors) as number[]),
  ]
  for (const descriptor of descriptors) if (descriptor !== undefined) setCloseOnExec(descriptor, on)
}
