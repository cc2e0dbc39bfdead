import type { JsonMessage } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure } from "../../errors/failure.ts"
import { parsePlatform } from "../../oci/platform.ts"
import { familiar, parseReference, withDefaultTag } from "../../oci/reference.ts"
import type { ImageContext } from "./context.ts"
import type { CopyOptions } from "./contract.ts"
import { credentialsOf } from "./credentials.ts"
import { copyWords, dockerProgress } from "./progress.ts"
import { pullFailure } from "./registry-failure.ts"
import { registryOf } from "./registry-name.ts"

/** `barge image copy`: an image goes from registry to registry and touches nothing here. @throws invalidArgument */
export async function copyBetweenRegistries(
  context: Pick<ImageContext, "remote">,
  scope: Scope,
  options: CopyOptions,
  tell: (message: JsonMessage) => void,
): Promise<void> {
  const from = withDefaultTag(parseReference(options.from))
  const given = parseReference(options.to)
  if (given.digest) {
    throw new Failure("invalidArgument", `cannot copy to a digest (${options.to}): name a tag`)
  }
  const to = withDefaultTag(given)
  const auths = Object.entries(options.auths)
  try {
    const { digest, size } = await context.remote.copy(scope, from, to, {
      ...(options.platform ? { platform: parsePlatform(options.platform) } : {}),
      referrers: options.referrers,
      credentials: (domain) => credentialsOf(auths.find(([address]) => registryOf(address) === domain)?.[1]),
      progress: dockerProgress(copyWords, tell),
    })
    tell({ status: `${familiar(to)}: digest: ${digest} size: ${size}` })
    tell({ progressDetail: {}, aux: { Tag: to.tag, Digest: digest, Size: size } })
  } catch (error) {
    throw pullFailure(error, from)
  }
}
