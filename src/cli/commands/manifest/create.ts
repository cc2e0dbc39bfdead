import { remoteManifest } from "../../../client/registry.ts"
import { mediaTypes } from "../../../oci/descriptor.ts"
import { formatReference } from "../../../oci/reference.ts"
import { atLeast, command, Exit } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { ManifestLists, manifestName, shownName } from "../../manifest/store.ts"
import { Credentials } from "../../registry/credentials.ts"

export const create = command({
  use: "create MANIFEST_LIST MANIFEST [MANIFEST...]",
  args: atLeast(2),
  flags: {
    amend: bool("a", "Amend an existing manifest list"),
    insecure: bool("", "Allow communication with an insecure registry"),
  },
  run: async ({ args, flags, docker, out, config }) => {
    const list = manifestName(args[0]!)
    const lists = new ManifestLists(config.folder)
    if (lists.has(list) && !flags.amend) {
      throw new Exit(1, "refusing to amend an existing manifest list with no --amend flag")
    }
    const credentials = new Credentials(config)
    for (const name of args.slice(1).map(manifestName)) {
      const auth = await credentials.forImage(name.domain)
      const manifest = lists.get(list, name) ?? (await remoteManifest(docker.transport, formatReference(name), auth))
      const { mediaType } = manifest.Descriptor
      if (mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList) {
        throw new Exit(1, `${shownName(name)} is a manifest list`)
      }
      lists.put(list, manifest)
    }
    out.line(`Created manifest list ${shownName(list)}`)
  },
})
