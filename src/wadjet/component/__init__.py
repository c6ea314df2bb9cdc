"""What a component is (Component Model): bytes and text → `Component` → `ValidComponent`."""
