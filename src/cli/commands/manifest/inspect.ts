import type { RemoteManifestResponse } from "../../../api/image.ts"
import { remoteManifest } from "../../../client/registry.ts"
import { formatReference } from "../../../oci/reference.ts"
import { between, command, Exit } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { indexOf } from "../../manifest/index-of.ts"
import { ManifestLists, manifestName, shownName } from "../../manifest/store.ts"
import { indentJson } from "../../output/indent-json.ts"
import { Credentials } from "../../registry/credentials.ts"

export const inspect = command({
  use: "inspect [OPTIONS] [MANIFEST_LIST] MANIFEST",
  args: between(1, 2),
  flags: {
    insecure: bool("", "Allow communication with an insecure registry"),
    verbose: bool("v", "Output additional info including layers and platform"),
  },
  run: async ({ args, flags, docker, out, config }) => {
    const names = args.map(manifestName)
    const lists = new ManifestLists(config.folder)
    const show = (manifest: RemoteManifestResponse) => {
      const raw = Buffer.from(manifest.Raw, "base64").toString("utf8")
      if (!flags.verbose) return out.line(indentJson(raw, "", "\t"))
      const field = manifest.Descriptor.mediaType.includes("oci") ? "OCIManifest" : "SchemaV2Manifest"
      out.line(JSON.stringify({ ...manifest, [field]: JSON.parse(raw) }, null, "\t"))
    }
    if (names.length === 2) {
      const manifest = lists.get(names[0]!, names[1]!)
      if (!manifest) {
        throw new Exit(1, `manifest for image ${shownName(names[1]!)} does not exist in ${shownName(names[0]!)}`)
      }
      return show(manifest)
    }
    const name = names[0]!
    if (lists.has(name)) return out.line(indexOf(lists.all(name)).text)
    const auth = await new Credentials(config).forImage(name.domain)
    show(await remoteManifest(docker.transport, formatReference(name), auth))
  },
})
