import { formatReference } from "../../../oci/reference.ts"
import { atLeast, command } from "../../command.ts"
import { ManifestLists, manifestName } from "../../manifest/store.ts"

export const rm = command({
  use: "rm MANIFEST_LIST [MANIFEST_LIST...]",
  args: atLeast(1),
  flags: {},
  run: async ({ args, err, config }) => {
    const lists = new ManifestLists(config.folder)
    let code = 0
    for (const list of args.map(manifestName)) {
      if (lists.remove(list)) continue
      err.line(`No such manifest: ${formatReference(list)}`)
      code = 1
    }
    return code
  },
})
