import { readFileSync } from "node:fs"

export interface SignalState {
  readonly blocked: bigint
  readonly ignored: bigint
  readonly caught: bigint
  /** Whether the process is PID 1 of a PID namespace of its own. */
  readonly isInit: boolean
}

/** Reads /proc/PID/status (proc(5): SigBlk, SigIgn, SigCgt, NSpid). @returns undefined when the process has gone */
export function signalState(pid: number): SignalState | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/status`, "latin1")
  } catch {
    return undefined
  }
  const mask = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)`, "m").exec(text)?.[1] ?? "0"}`)
  const namespaces = /^NSpid:\s*(.+)$/m.exec(text)?.[1]?.trim().split(/\s+/) ?? []
  return {
    blocked: mask("SigBlk"),
    ignored: mask("SigIgn"),
    caught: mask("SigCgt"),
    isInit: namespaces.length > 1 && namespaces.at(-1) === "1",
  }
}

/**
 * Whether `signal` can ever have an effect on a process. PID 1 of a PID namespace gets only signals that it handles
 * (pid_namespaces(7)); a blocked one stays pending and may be fetched by sigwait(3) or signalfd(2), as inits do.
 */
export function canReceive(state: SignalState, signal: number): { readonly can: boolean; readonly why: string } {
  if (signal === 9 || signal === 19) return { can: true, why: "the kernel delivers it to every process" }
  const bit = 1n << BigInt(signal - 1)
  if (state.blocked & bit) return { can: true, why: "it is blocked and may be fetched later" }
  if (state.caught & bit) return { can: true, why: "a handler is installed" }
  if (state.ignored & bit) return { can: false, why: "PID 1 of the container ignores it" }
  if (state.isInit) {
    return {
      can: false,
      why: "PID 1 of the container has no handler for it, and the kernel never ends PID 1 by default",
    }
  }
  return { can: true, why: "the default action ends the process" }
}
