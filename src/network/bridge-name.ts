import { createHash } from "node:crypto"
import { readdirSync } from "node:fs"
import { kindOf } from "../errors/failure.ts"
import type { Records, Sandbox } from "./contract.ts"

/** The default bridge of daemons of before names were recorded. */
const earlierName = "barge0"
const key = "default"

/** A name that tells what is made for a run root from what is made for others. */
export const nameOfRunRoot = (runRoot: string): string =>
  `bg${createHash("sha256").update(runRoot).digest("hex").slice(0, 7)}`

export interface BridgeNameOptions {
  /** What the bridge is called if nothing speaks against it. */
  readonly usual: string
  readonly runRoot: string
  /** The name that was chosen, so that it stays the same over restarts. */
  readonly chosen: Records<{ readonly name: string }>
  readonly sandboxes: Records<Sandbox>
}

/**
 * Opens networks with a default bridge that nobody has named: the one of earlier starts; at the first start the usual one, or one of
 * the daemon's own when the usual one belongs to another daemon or has another program's containers.
 * @throws what `open` throws; conflict when another daemon has the bridge of earlier starts
 */
export async function withBridgeName<T>(options: BridgeNameOptions, open: (name: string) => Promise<T>): Promise<T> {
  const { usual, runRoot, chosen, sandboxes } = options
  const known = chosen.all().find(([each]) => each === key)?.[1].name
  const earlier = known ?? (sandboxes.all().length > 0 ? earlierName : undefined)
  if (earlier !== undefined) return await open(earlier)
  const use = async (name: string): Promise<T> => {
    const opened = await open(name)
    chosen.put(key, { name })
    return opened
  }
  if (isInUse(usual)) return await use(nameOfRunRoot(runRoot))
  try {
    return await use(usual)
  } catch (error) {
    if (kindOf(error) !== "conflict") throw error
    return await use(nameOfRunRoot(runRoot))
  }
}

/** Whether a bridge of this host has ports. Without containers of this daemon they are others'. */
function isInUse(bridge: string): boolean {
  try {
    return readdirSync(`/sys/class/net/${bridge}/brif`).length > 0
  } catch {
    return false
  }
}
