import { dirname, join } from "node:path"
import type { PathStatus } from "../../../core/files/contract.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure, isKind } from "../../../errors/failure.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import type { ContainerArchive, ContainerFilesNeeds, ExtractOptions } from "./contract.ts"

type CopyNeeds = Pick<ContainerFilesNeeds, "tasks" | "files" | "mounts" | "events" | "background">

/** Carries out `ContainerFiles.status`. */
export async function archiveStatus(
  needs: CopyNeeds,
  scope: Scope,
  container: Container,
  ref: string,
  path: string,
): Promise<PathStatus> {
  return await namingPath(ref, path, () =>
    withRootOf(needs, scope, container, path, (root) => needs.files.status(root, path)),
  )
}

/** Carries out `ContainerFiles.read`. */
export async function readArchive(
  needs: CopyNeeds,
  scope: Scope,
  container: Container,
  ref: string,
  path: string,
): Promise<ContainerArchive> {
  const opened = Promise.withResolvers<ContainerArchive>()
  const done = Promise.withResolvers<void>()
  const held = withRootOf(needs, scope, container, path, async (root) => {
    opened.resolve(await needs.files.pack(scope, root, path))
    await done.promise
  })
  held.catch(opened.reject)
  const { status, chunks } = await namingPath(ref, path, () => opened.promise)
  scope.signal?.addEventListener("abort", () => done.resolve(), { once: true })
  if (scope.signal?.aborted) done.resolve()
  publish(needs, container, "archive-path")
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

/** Carries out `ContainerFiles.extract`. */
export async function extractArchive(
  needs: CopyNeeds,
  scope: Scope,
  container: Container,
  ref: string,
  options: ExtractOptions,
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  await inContainer(needs, scope, container, async (root) => {
    const directory = await namingPath(ref, options.path, () => needs.files.directory(root, options.path))
    checkWritable(container, directory)
    const { User } = container.document.config
    await needs.files.unpack(scope, root, directory, archive, {
      keepKinds: options.keepKinds,
      ...(options.copyOwner && User ? { owner: User } : {}),
    })
  })
  publish(needs, container, "extract-to-dir")
}

async function inContainer<T>(
  needs: CopyNeeds,
  scope: Scope,
  container: Container,
  work: (root: string) => Promise<T>,
): Promise<T> {
  if (container.removed) throw new Failure("notFound", `No such container: ${container.id}`)
  const { id } = container
  return await needs.tasks.withMountedRoot(
    scope,
    id,
    id,
    (root, show) => needs.mounts.showIn(needs.background("files"), container, root, show),
    work,
  )
}

/**
 * Runs `work` with the root that has `path`: the root that the container's processes see. A path that is missing in their tmpfs is looked up
 * below the tmpfs, where a copy before the start has put it.
 */
async function withRootOf<T>(
  needs: CopyNeeds,
  scope: Scope,
  container: Container,
  path: string,
  work: (root: string) => Promise<T>,
): Promise<T> {
  try {
    return await inContainer(needs, scope, container, work)
  } catch (error) {
    if (!isKind(error, "notFound") || !container.running) throw error
    const inTmpfs = await inContainer(
      needs,
      scope,
      container,
      async (root) => holdersOf(container, await nearestDirectory(needs, root, path))[0]?.isTmpfs,
    )
    if (!inTmpfs) throw error
    return await needs.tasks.withRoot(scope, container.id, container.id, work)
  }
}

/** The nearest existing directory above `path`, with its links resolved. */
async function nearestDirectory(needs: CopyNeeds, root: string, path: string): Promise<string> {
  for (let above = dirname(join("/", path)); above !== "/"; above = dirname(above)) {
    try {
      return await needs.files.directory(root, above)
    } catch (error) {
      if (!isKind(error, "notFound") && !isKind(error, "invalidArgument")) throw error
    }
  }
  return "/"
}

/** Words a missing path as Docker does: clients look for this text. */
async function namingPath<T>(ref: string, path: string, work: () => Promise<T>): Promise<T> {
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
