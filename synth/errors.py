"""Every error a user can meet in `synth`, each one line that says where, what, and what to do.

    SynthError              the run stops and, if it had begun, resumes with the same command
    |- RecipeError          the recipe folder: unknown step or key, missing template or variable
    |- SeedError            the seeds: not found, empty, wrong columns
    |- TeacherError         the endpoint
    |  |- TeacherUnreachable   nothing answers there
    |  |- TeacherRefused       bad key, no credit, unknown model
    |  `- CallFailed           one call, again and again; ends its row and not the run
    `- RunFolderError       the run folder: in use by another process, not readable, disk full

A bad row is none of these: it is a dropped `Sample` with its reason.
Sandbox outages are `sandbox.verdict.SandboxUnavailable`.
"""


class SynthError(Exception):
    """The root; the command line prints it as one line and exits with 1."""


class RecipeError(SynthError):
    """Something in a recipe folder."""


class SeedError(SynthError):
    """Something about the seeds."""


class TeacherError(SynthError):
    """Something about the teacher's endpoint."""


class TeacherUnreachable(TeacherError):
    """Nothing answers at the endpoint."""


class TeacherRefused(TeacherError):
    """The endpoint answers and says no: key, credit or model."""


class CallFailed(TeacherError):
    """One call failed again and again while others were answered."""


class RunFolderError(SynthError):
    """The run folder is in use, unreadable, or the disk is full."""
