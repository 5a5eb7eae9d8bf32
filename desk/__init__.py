"""What people see in a browser: pages for customers now, the desk for those who answer them."""
