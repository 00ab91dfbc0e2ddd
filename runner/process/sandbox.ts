/** How a job's processes are held together and what they see. */
export type Sandbox = Readonly<{
  /** `namespace`: PID and mount namespaces, nothing can outlive the job. `group`: process group and marker sweep. */
  tier: "namespace" | "group";
  /** One sentence: what is protected, or what is not and why; for `doctor` and the job. */
  why: string;
  /** The command that enters the namespaces; empty without them. */
  enter: readonly string[];
  /** setpriv(1) and its options for the job's command: what it must not be able to undo. */
  restrict: readonly string[];
}>;

const enterNamespaces = ["unshare", "--pid", "--mount", "--fork", "--kill-child=KILL"];

/**
 * What a container's root may do by default, without MKNOD. Without SYS_ADMIN it cannot unmount what hides
 * the data folder; without DAC_READ_SEARCH it cannot reach round it by open_by_handle_at(2).
 */
const rootKeeps = [
  ...["chown", "dac_override", "fsetid", "fowner", "setgid", "setuid", "setfcap", "setpcap", "kill"],
  ...["net_raw", "net_bind_service", "sys_chroot", "audit_write"],
];

export const rootNamespace: Sandbox = {
  tier: "namespace",
  why: "Each job has process, mount and /proc namespaces of its own, made as root: nothing of it outlives it.",
  enter: enterNamespaces,
  restrict: ["setpriv", `--bounding-set=-all,${rootKeeps.map((name) => `+${name}`).join(",")}`, "--inh-caps=-all"],
};

export const userNamespace: Sandbox = {
  tier: "namespace",
  why: "Each job has process, mount and /proc namespaces of its own, in a user namespace: nothing of it outlives it.",
  enter: [...enterNamespaces, "--user", "--map-current-user", "--keep-caps"],
  restrict: ["setpriv", "--bounding-set=-all", "--ambient-caps=-all", "--inh-caps=-all"],
};

/** The same where only bwrap(1) may make user namespaces, as with AppArmor's restriction. */
export const bubblewrap: Sandbox = {
  ...userNamespace,
  enter: [
    "bwrap",
    "--unshare-pid",
    "--as-pid-1",
    "--die-with-parent",
    "--dev-bind",
    "/",
    "/",
    "--cap-add",
    "ALL",
    "--",
  ],
};

/** Holds everywhere; `why` says what made it necessary. */
export const processGroup = (reason: string): Sandbox => ({
  tier: "group",
  why:
    `${reason}, so jobs run without them: they see the whole disk and other processes, ` +
    "and a process that leaves its group and clears its environment can outlive its job.",
  enter: [],
  restrict: ["setpriv", "--pdeathsig", "KILL"],
});
