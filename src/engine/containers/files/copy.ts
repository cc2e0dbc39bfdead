import { dirname, join } from "node:path"
import type { PathStatus } from "../../../core/files/contract.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure, isKind } from "../../../errors/failure.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import type { ContainerArchive, ExtractOptions } from "./contract.ts"

/** What a path in a container is, running or not. @param ref as the client named the container */
export async function archiveStatus(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  ref: string,
  path: string,
): Promise<PathStatus> {
  return await located(ref, path, () =>
    whereItLies(context, scope, container, path, (root) => context.files.status(root, path)),
  )
}

/** A tar of what is at a path. The container's files stay in reach until its chunks are read, or `scope.signal` aborts. */
export async function readArchive(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  ref: string,
  path: string,
): Promise<ContainerArchive> {
  const opened = Promise.withResolvers<ContainerArchive>()
  const done = Promise.withResolvers<void>()
  const held = whereItLies(context, scope, container, path, async (root) => {
    opened.resolve(await context.files.pack(scope, root, path))
    await done.promise
  })
  held.catch(opened.reject)
  const { status, chunks } = await located(ref, path, () => opened.promise)
  scope.signal?.addEventListener("abort", () => done.resolve(), { once: true })
  if (scope.signal?.aborted) done.resolve()
  publish(context, container, "archive-path")
  async function* whole() {
    try {
      yield* chunks
    } finally {
      done.resolve()
      await held
    }
  }
  return { status, chunks: whole() }
}

/** Unpacks a tar into an existing directory of a container. */
export async function extractArchive(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  ref: string,
  options: ExtractOptions,
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  await inContainer(context, scope, container, async (root) => {
    const directory = await located(ref, options.path, () => context.files.directory(root, options.path))
    checkWritable(container, directory)
    const { User } = container.document.config
    await context.files.unpack(scope, root, directory, archive, {
      keepKinds: options.keepKinds,
      ...(options.copyOwner && User ? { owner: User } : {}),
    })
  })
  publish(context, container, "extract-to-dir")
}

async function inContainer<T>(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  work: (root: string) => Promise<T>,
): Promise<T> {
  if (container.removed) throw new Failure("notFound", `No such container: ${container.id}`)
  const { id } = container
  return await context.tasks.withMountedRoot(
    scope,
    id,
    id,
    (root, show) => context.mounts.showIn(context.background("files"), container, root, show),
    work,
  )
}

/**
 * Runs `work` with the root that has `path`: the one that the container's processes see. What their tmpfs lacks is looked for beneath
 * it, where a copy into the container has put it before the start.
 */
async function whereItLies<T>(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  path: string,
  work: (root: string) => Promise<T>,
): Promise<T> {
  try {
    return await inContainer(context, scope, container, work)
  } catch (error) {
    if (!isKind(error, "notFound") || !container.running) throw error
    const inTmpfs = await inContainer(
      context,
      scope,
      container,
      async (root) => holdersOf(container, await nearestDirectory(context, root, path))[0]?.isTmpfs,
    )
    if (!inTmpfs) throw error
    return await context.tasks.withRoot(scope, container.id, container.id, work)
  }
}

/** The nearest directory above `path` that there is, its links resolved. */
async function nearestDirectory(context: ContainerContext, root: string, path: string): Promise<string> {
  for (let above = dirname(join("/", path)); above !== "/"; above = dirname(above)) {
    try {
      return await context.files.directory(root, above)
    } catch (error) {
      if (!isKind(error, "notFound") && !isKind(error, "invalidArgument")) throw error
    }
  }
  return "/"
}

/** Tells a path that does not exist in the words that clients look for. */
async function located<T>(ref: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isKind(error, "notFound")) throw error
    throw new Failure("notFound", `Could not find the file ${path} in container ${ref}`, error)
  }
}

/** @throws permissionDenied where the container itself may not write; the innermost mount decides */
function checkWritable(container: Container, directory: string): void {
  const [holder] = holdersOf(container, directory)
  if (holder?.readOnly) throw new Failure("permissionDenied", "mounted volume is marked read-only")
  if (!holder && container.document.hostConfig.ReadonlyRootfs)
    throw new Failure("permissionDenied", "container rootfs is marked read-only")
}

interface Holder {
  readonly destination: string
  readonly readOnly: boolean
  readonly isTmpfs: boolean
}

/** The container's mounts that a directory lies in, innermost first. */
function holdersOf({ document: { mounts, hostConfig } }: Container, directory: string): Holder[] {
  const tmpfs = Object.keys(hostConfig.Tmpfs ?? {}).map((destination) => ({
    destination,
    readOnly: false,
    isTmpfs: true,
  }))
  return [...mounts.map((mount) => ({ ...mount, isTmpfs: mount.type === "tmpfs" })), ...tmpfs]
    .filter(({ destination }) => join(directory, "/").startsWith(join(destination, "/")))
    .sort((one, other) => other.destination.length - one.destination.length)
}
