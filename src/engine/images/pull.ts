import type { AuthConfig, JsonMessage } from "../../api/image.ts"
import { nameImage } from "../../core/images/name-image.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure, isKind } from "../../errors/failure.ts"
import { isDigest } from "../../oci/digest.ts"
import { formatPlatform, matchesPlatform, parsePlatform } from "../../oci/platform.ts"
import { familiar, familiarName, formatReference, parseReference, type Reference } from "../../oci/reference.ts"
import type { ImageContext } from "./context.ts"
import type { PullOptions } from "./contract.ts"
import { credentialsOf } from "./credentials.ts"
import { dockerProgress, pullWords } from "./progress.ts"
import { pullFailure } from "./registry-failure.ts"

type Tell = (message: JsonMessage) => void

/** What is to be pulled. Without a tag or digest it is every tag. @throws invalidArgument, permissionDenied in Docker's words */
export function pullReference(options: PullOptions): Reference {
  const reference = parseReference(options.image.replace(/:$/, ""))
  const { tag } = options
  const name = { domain: reference.domain, path: reference.path }
  if (tag && !isDigest(tag) && !/^\w[\w.-]{0,127}$/.test(tag))
    throw new Failure("invalidArgument", "invalid tag format")
  if (name.domain === "docker.io" && name.path === "library/scratch") {
    throw new Failure("permissionDenied", "'scratch' is a reserved name")
  }
  if (!tag) return reference
  return isDigest(tag) ? { ...name, digest: tag } : { ...name, tag }
}

/** `docker pull`. @throws before the first message when the registry refuses */
export async function pullImages(context: ImageContext, scope: Scope, options: PullOptions, tell: Tell): Promise<void> {
  const reference = pullReference(options)
  const credentials = credentialsOf(options.auth)
  if (options.platform) parsePlatform(options.platform)
  try {
    const all = !reference.tag && !reference.digest
    const tags = all ? await context.remote.tags(scope, reference, credentials ? { credentials } : {}) : []
    const wanted = all ? tags.map((tag) => ({ ...reference, tag })) : [reference]
    let newer = false
    for (const each of wanted) if (await pullOne(context, scope, each, options, tell)) newer = true
    const what = newer ? "Downloaded newer image for" : "Image is up to date for"
    tell({ status: `Status: ${what} ${familiar(reference)}` })
  } catch (error) {
    if (isKind(error, "noSpace")) await giveBack(context)
    throw pullFailure(error, reference)
  } finally {
    if (!context.remote.keepsLayers) context.collector.schedule()
  }
  context.events.publish({
    Type: "image",
    Action: "pull",
    Actor: {
      ID: familiar(reference),
      Attributes: { ...(await labelsOf(context, scope, reference)), name: familiarName(reference) },
    },
  })
}

/** Frees what an interrupted pull has taken of a full disk. Otherwise it stays, for a pull that goes on with it. */
async function giveBack({ collector }: ImageContext): Promise<void> {
  // What cannot be removed now is told by the pull's own failure, and goes with the next prune.
  await collector.dropInterrupted().catch(() => {})
  collector.schedule()
}

async function labelsOf(context: ImageContext, scope: Scope, reference: Reference) {
  const row = await context.images.find(scope, formatReference(reference))
  return row && (await context.catalog.resolved(scope, row.target))?.config.config?.Labels
}

/** @returns whether the name is another image now than before */
async function pullOne(
  context: ImageContext,
  scope: Scope,
  reference: Reference,
  options: PullOptions & { readonly auth?: AuthConfig },
  tell: Tell,
): Promise<boolean> {
  const { catalog, images, leases, remote } = context
  const name = formatReference(reference)
  const platform = options.platform ? parsePlatform(options.platform) : undefined
  const credentials = credentialsOf(options.auth)
  return await leases.within(scope, async (held) => {
    const { target, image } = await remote.pull(held, reference, {
      ...(platform ? { platform } : {}),
      ...(credentials ? { credentials } : {}),
      found: () =>
        tell({ status: `Pulling from ${reference.path}`, id: reference.digest ? name : (reference.tag ?? "latest") }),
      progress: dockerProgress(pullWords, tell),
    })
    const before = await catalog.idOf(held, name)
    tell({ status: `Digest: ${target.digest}` })
    await nameImage(held, images, name, target)
    catalog.forget(held, target)
    if (platform && !matchesPlatform(platform, image.config)) {
      tell({
        status: `WARNING: image with reference ${name} was found but its platform (${formatPlatform(image.config)}) does not match the specified platform (${formatPlatform(platform)})`,
      })
    }
    return before !== image.id
  })
}
