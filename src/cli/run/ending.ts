import type { WaitResponse } from "../../api/container.ts"
import type { Docker } from "../../client/docker.ts"
import { compareVersions } from "../../client/transport.ts"

/** The first version in which a wait may begin before the container runs, and may last until it is removed. */
const waitsForConditions = "1.30"
/** The first version in which the daemon removes containers that want to be. */
const removesItself = "1.25"

/** The end of a container, watched from before its start. */
export interface Ending {
  /** Resolves at the end of its process or, where it shall be removed, when it is gone. */
  readonly ended: Promise<WaitResponse>
  /** To be called when the start failed; resolves when the container is gone, where it shall be removed. */
  startFailed(): Promise<void>
}

/**
 * Starts to watch for the end of a container that is about to be started; resolves when the daemon has registered it.
 * @param removes the container shall be removed at its end, which this program does where the daemon is too old to
 */
export async function watchEnding(
  docker: Docker,
  id: string,
  { removes }: { readonly removes: boolean },
): Promise<Ending> {
  const version = await docker.transport.spoken()
  if (compareVersions(version, waitsForConditions) < 0)
    return await watchEvents(docker, id, { removes, removesItself: daemonRemoves(version) })
  const { ended } = await docker.containers.wait(id, removes ? "removed" : "next-exit")
  return {
    ended,
    startFailed: async () => {
      if (removes) await ended.catch(() => {})
    },
  }
}

/** Whether daemons of an API version remove containers by themselves. */
export const daemonRemoves = (version: string): boolean => compareVersions(version, removesItself) >= 0

async function watchEvents(
  docker: Docker,
  id: string,
  { removes, removesItself }: { readonly removes: boolean; readonly removesItself: boolean },
): Promise<Ending> {
  const lastEvent = removes && removesItself ? "destroy" : "die"
  const filters = new Map([
    ["container", [id]],
    ["event", ["die", "destroy"]],
  ])
  const listening = new AbortController()
  const events = await docker.system.openEvents({ filters, signal: listening.signal })
  const remove = async () => {
    if (removes && !removesItself) await docker.containers.remove(id, { v: true })
  }
  const ended = (async () => {
    let StatusCode = 0
    for await (const { Action, Actor } of events) {
      if (Action === "die") StatusCode = Number(Actor.Attributes["exitCode"] ?? 0)
      if (Action === lastEvent) break
    }
    await remove()
    return { StatusCode }
  })()
  ended.catch(() => {})
  return {
    ended,
    startFailed: async () => {
      listening.abort()
      await remove()
    },
  }
}
