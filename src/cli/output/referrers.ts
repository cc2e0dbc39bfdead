import type { ReferrerSummary } from "../../api/image.ts"
import { humanSize } from "../../std/byte-size.ts"
import { shortId } from "../../std/id.ts"
import { Subject } from "../../std/template/value.ts"
import { formatList, type Headings } from "./list.ts"

const headings: Headings = {
  ArtifactType: "ARTIFACT TYPE",
  Digest: "DIGEST",
  Subject: "SUBJECT",
  Tag: "TAG",
  Size: "SIZE",
}

/** The lines of `image referrers`. @throws Failure invalidArgument for a bad template */
export function formatReferrers(
  list: readonly ReferrerSummary[],
  options: { readonly format?: string; readonly quiet?: boolean; readonly noTrunc?: boolean },
): string {
  const { format = "", quiet, noTrunc } = options
  const usual = quiet ? "{{.Digest}}" : "table {{.ArtifactType}}\t{{.Digest}}\t{{.Subject}}\t{{.Tag}}\t{{.Size}}"
  const shown = (digest: string) => (noTrunc || quiet ? digest : shortId(digest))
  const rows = list.map(
    ({ Subject: subject, Tag, Descriptor }) =>
      new Subject("*formatter.referrerContext", {
        ArtifactType: () => Descriptor.artifactType ?? Descriptor.mediaType,
        Digest: () => shown(Descriptor.digest),
        Subject: () => shown(subject),
        Tag: () => Tag ?? "",
        Size: () => humanSize(Descriptor.size),
      }),
  )
  return formatList(format === "" || format === "table" ? usual : format, headings, rows)
}
