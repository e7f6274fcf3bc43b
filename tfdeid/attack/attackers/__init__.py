"""Those that recover images from records, one a file; `tfdeid.attack.adversaries` names them."""
