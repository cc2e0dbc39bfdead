import type { JsonMessage } from "../../api/image.ts"
import type { ImageStore } from "../../core/images/contract.ts"
import { nameImage } from "../../core/images/name-image.ts"
import type { LeaseStore } from "../../core/leases/contract.ts"
import type { Scope } from "../../core/scope.ts"
import type { Transfer } from "../../core/transfer/contract.ts"
import { Failure } from "../../errors/failure.ts"
import type { Digest } from "../../oci/digest.ts"
import { hostPlatform } from "../../oci/platform.ts"
import { formatNanos, nowNanos } from "../../std/clock.ts"
import { busyboxRoot } from "./busybox-root.ts"
import { debianRoot, defaultSuite } from "./debian-root.ts"
import { progressMessage } from "./progress.ts"

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/**
 * Makes a base image of the distribution's own packages, without a registry: `busybox` (the same program gives the same
 * image), `debian` (the host's suite, or stable) or `debian:SUITE`.
 * @returns its full names and ID
 * @throws invalidArgument for another name; notFound, saying what to install; unavailable when a tool fails
 */
export async function bootstrapImage(
  scope: Scope,
  stores: { readonly transfer: Transfer; readonly images: ImageStore; readonly leases: LeaseStore },
  name: string,
  tell: (message: JsonMessage) => void = () => {},
): Promise<{ readonly names: readonly string[]; readonly id: Digest }> {
  const [base, suite] = name.split(":", 2) as [string, string?]
  const say = (status: string) => tell(progressMessage(base, status))
  const make = async (tar: AsyncIterable<Uint8Array>, tags: readonly string[], cmd: string, created: string) =>
    await stores.leases.within(scope, async (held) => {
      const { target, id } = await stores.transfer.importTree(held, tar, {
        config: { created, ...hostPlatform(), config: { Env: [path], Cmd: [cmd] } },
        createdBy: `bootstrap ${name}`,
        comment: "made of the host distribution's packages",
      })
      const names = tags.map((tag) => `docker.io/library/${base}:${tag}`)
      for (const each of names) await nameImage(held, stores.images, each, target)
      say(`Made ${names.join(", ")}`)
      return { names, id }
    })

  if (base === "busybox" && (suite === undefined || suite === "latest")) {
    say("Collecting applets")
    const { archive, time } = await busyboxRoot()
    say(`Importing ${archive.length} bytes`)
    return await make(once(archive), ["latest"], "sh", formatNanos(time))
  }
  if (base === "debian") {
    const chosen = suite === undefined || suite === "latest" ? await defaultSuite() : suite
    const tags = suite === undefined || suite === "latest" ? [chosen, "latest"] : [chosen]
    say(`Fetching packages of ${chosen}`)
    const tar = debianRoot({ suite: chosen, progress: say, ...(scope.signal ? { signal: scope.signal } : {}) })
    return await make(tar, tags, "bash", formatNanos(nowNanos()))
  }
  throw new Failure("invalidArgument", `"${name}" cannot be made here: choose busybox, debian or debian:SUITE`)
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
