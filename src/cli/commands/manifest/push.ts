import type { AuthConfig } from "../../../api/image.ts"
import { pushIndex } from "../../../client/registry.ts"
import { familiarName, formatReference, parseReference } from "../../../oci/reference.ts"
import { command, Exit, exactly } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { indexOf } from "../../manifest/index-of.ts"
import { ManifestLists, manifestName, shownName } from "../../manifest/store.ts"
import { Credentials, credentialKey } from "../../registry/credentials.ts"

export const push = command({
  use: "push [OPTIONS] MANIFEST_LIST",
  args: exactly(1),
  flags: {
    insecure: bool("", "Allow push to an insecure registry"),
    purge: bool("p", "Remove the local manifest list after push"),
  },
  run: async ({ args, flags, docker, out, config }) => {
    const list = manifestName(args[0]!)
    const lists = new ManifestLists(config.folder)
    const manifests = lists.all(list)
    if (manifests.length === 0) throw new Exit(1, `${shownName(list)} not found`)
    const credentials = new Credentials(config)
    const auths: Record<string, AuthConfig> = {}
    for (const domain of [list.domain, ...manifests.map(({ Ref }) => parseReference(Ref).domain)]) {
      const auth = await credentials.forImage(domain)
      if (auth) auths[credentialKey(domain)] = auth
    }
    const { type, text } = indexOf(manifests)
    const Sources = manifests.map(({ Ref, Descriptor }) => {
      const { domain, path } = parseReference(Ref)
      return formatReference({ domain, path, digest: Descriptor.digest })
    })
    const body = { Raw: Buffer.from(text).toString("base64"), MediaType: type, Sources }
    const { Digest } = await pushIndex(docker.transport, formatReference(list), body, auths)
    for (const { Descriptor } of manifests) {
      out.line(`Pushed ref ${familiarName(list)}@${Descriptor.digest} with digest: ${Descriptor.digest}`)
    }
    out.line(Digest)
    if (flags.purge) lists.remove(list)
  },
})
