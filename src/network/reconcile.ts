import { existsSync, readdirSync } from "node:fs"
import { basename, join } from "node:path"
import { deleteLink, type Link, linkByName, setMaster } from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import type { Sandbox } from "./contract.ts"
import type { Names } from "./names.ts"
import { dropNamespace } from "./namespaces.ts"

/** Names of those of the host's links that are this daemon's veth ends. */
export const ownLinks = (links: Iterable<Link>, names: Names): readonly string[] =>
  [...links].filter(({ name, kind }) => kind === "veth" && names.isOwn(name)).map(({ name }) => name)

/**
 * Lets go of everything that an earlier life of the daemon made and no recorded sandbox has: ready namespaces that were
 * never used, and what a crash left half-made.
 * @param present the host's links
 * @returns links that should vanish now, the kernel taking its time
 */
export function dropStrangers(
  present: Iterable<Link>,
  names: Names,
  folder: string,
  sandboxes: readonly Sandbox[],
): readonly string[] {
  const namespaces = new Set(sandboxes.map(({ path }) => basename(path)))
  const links = new Set(sandboxes.flatMap(({ endpoints }) => endpoints.map(({ hostInterface }) => hostInterface)))
  const files = existsSync(folder) ? readdirSync(folder) : []
  for (const name of files) if (names.isOwn(name) && !namespaces.has(name)) dropNamespace(join(folder, name))
  return ownLinks(present, names).filter((name) => !links.has(name))
}

/**
 * Makes the links of a network's endpoints ports of its bridge again, should it have been made anew.
 * @param links those of the host, by name
 */
export function rejoin(
  socket: NetlinkSocket,
  links: ReadonlyMap<string, Link>,
  bridge: number,
  hostInterfaces: readonly string[],
): void {
  for (const name of hostInterfaces) {
    const link = links.get(name)
    if (link && link.master !== bridge) socket.execute(setMaster(link.index, bridge))
  }
}

/**
 * Waits until the kernel has taken dropped namespaces apart and their links are gone. What is still there after `patience`
 * milliseconds, because something else holds its namespace, is deleted. @returns names that had to be deleted
 */
export async function awaitDeparture(
  socket: NetlinkSocket,
  links: readonly string[],
  patience: number,
): Promise<readonly string[]> {
  const deadline = performance.now() + patience
  let left = links
  for (let pause = 5; ; pause = Math.min(2 * pause, 200)) {
    left = left.filter((name) => linkByName(socket, name))
    if (left.length === 0) return []
    if (performance.now() > deadline) break
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  for (const name of left) deleteLink(socket, name)
  return left
}
