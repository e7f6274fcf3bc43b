"""Those that tell which original a record was made of, one a file; `tfdeid.attack.adversaries` names them."""
