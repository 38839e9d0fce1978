"""Raw code in, a clean corpus out: RefineCode's stages in order, one module each.

`sources` (with `index`, `archives`) -> `preprocess` (with `languages`) -> `dedup` -> `filters` (with `facts`) ->
`decontamination` -> `split` -> `corpus`; `build` runs them. Source: OpenCoder (arXiv 2411.04905), section 2.1.
"""
