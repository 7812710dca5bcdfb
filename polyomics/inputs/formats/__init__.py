"""One file per format, registered in `polyomics.inputs.format.FORMATS`."""
