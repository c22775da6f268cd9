typedef int weir_empty;
