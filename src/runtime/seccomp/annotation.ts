/** The annotation by which crun takes a compiled filter; base64. */
export const seccompAnnotation = "run.oci.seccomp_bpf_data"
